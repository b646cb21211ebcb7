// SPDX-License-Identifier: Apache-2.0
#include "tracker/key_store.h"

#include <cstdint>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace tests {
namespace {

using tracker::FlowKey;
using tracker::IpAddress;
using tracker::MacPairKey;

using Keys = tracker::KeyStore<FlowKey>;

constexpr IpAddress kClient = IpAddress::V4(192, 0, 2, 1);
constexpr IpAddress kServer = IpAddress::V4(198, 51, 100, 200);

FlowKey KeyOf(std::uint8_t ip_version, IpAddress first, IpAddress second) {
  return {.address = {first, second},
          .port = {40000, 53},
          .protocol = 17,
          .ip_version = ip_version,
          .vlan_id = 42,
          .tunnel_id = 0};
}
FlowKey Ipv4Key() { return KeyOf(4, kClient, kServer); }
FlowKey TunnelledKey() {
  FlowKey key = Ipv4Key();
  key.tunnel_id = 0x1020304;
  return key;
}
// The addresses of an IPv6 packet, in the same form.
FlowKey MappedKey() { return KeyOf(6, kClient, kServer); }
FlowKey Ipv6Key(std::uint8_t last) {
  return KeyOf(6, {{0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7}},
               {{0x20, 0x01, 0x0d, 0xb8, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17,
                 18, last}});
}

template <typename Key>
Key Restored(const tracker::KeyStore<Key>& keys,
             const typename tracker::KeyStore<Key>::Kept& kept) {
  Key key;
  std::memset(static_cast<void*>(&key), 0xa5, sizeof(key));
  keys.Restore(kept, key);
  return key;
}

class EachKey : public testing::TestWithParam<std::pair<const char*, FlowKey>> {
};
INSTANTIATE_TEST_SUITE_P(KeyStore, EachKey,
                         testing::Values(std::pair("Ipv4", Ipv4Key()),
                                         std::pair("Tunnelled", TunnelledKey()),
                                         std::pair("Mapped", MappedKey()),
                                         std::pair("Ipv6", Ipv6Key(1)),
                                         std::pair("NoIp", KeyOf(0, {}, {}))),
                         [](const auto& instance) {
                           return std::string(instance.param.first);
                         });

TEST_P(EachKey, IsRestoredAsItWas) {
  Keys keys(1);
  const FlowKey key = GetParam().second;

  const Keys::Kept kept = keys.Keep(key);

  EXPECT_EQ(Restored(keys, kept), key);
  EXPECT_TRUE(keys.Same(kept, key));
}

TEST_P(EachKey, IsAnotherWhenOneFieldDiffers) {
  Keys keys(1);
  const FlowKey key = GetParam().second;
  const Keys::Kept kept = keys.Keep(key);
  std::vector<std::pair<const char*, FlowKey>> others(
      8, {"the second address", key});
  others[0].second.address[1].octets[12] ^= 0x80;
  others[1] = {"the first address", key};
  others[1].second.address[0].octets[15] ^= 1;
  others[2] = {"the first port", key};
  others[2].second.port[0] ^= 0x100;
  others[3] = {"the second port", key};
  others[3].second.port[1] ^= 1;
  others[4] = {"the tunnel", key};
  others[4].second.tunnel_id ^= 0x1000000;
  others[5] = {"the VLAN", key};
  others[5].second.vlan_id ^= 0x800;
  others[6] = {"the protocol", key};
  others[6].second.protocol ^= 1;
  others[7] = {"the order of the addresses", key};
  std::swap(others[7].second.address[0], others[7].second.address[1]);
  others[7].second.address[0].octets[15] ^= 2;

  for (const auto& [what, other] : others) {
    EXPECT_FALSE(keys.Same(kept, other)) << what;
  }
}

TEST_P(EachKey, HasItsOwnHashInTheStore) {
  const FlowKey key = GetParam().second;
  const tracker::KeyHasher hasher;
  Keys keys(1);

  EXPECT_EQ(keys.HashOf(keys.Keep(key), hasher), hasher(key));
}

TEST_P(EachKey, IsStillThereWhenTheStoreHasGrown) {
  Keys keys(1);
  const FlowKey key = GetParam().second;
  const Keys::Kept kept = keys.Keep(key);

  keys.Grow(1000);

  EXPECT_EQ(Restored(keys, kept), key);
}

TEST(KeyStore, DoesNotTakeMappedAddressesForIpv4) {
  Keys keys(1);

  EXPECT_FALSE(keys.Same(keys.Keep(MappedKey()), Ipv4Key()));
  EXPECT_FALSE(keys.Same(keys.Keep(Ipv4Key()), MappedKey()));
}

TEST(KeyStore, TellsIpv6AddressesApartByEachOctet) {
  Keys keys(1);
  const FlowKey key = Ipv6Key(1);
  const Keys::Kept kept = keys.Keep(key);

  for (std::size_t octet = 0; octet < 16; ++octet) {
    for (std::size_t end = 0; end < 2; ++end) {
      FlowKey other = key;
      other.address[end].octets[octet] ^= 0x10;
      EXPECT_FALSE(keys.Same(kept, other)) << end << " " << octet;
    }
  }
}

TEST(KeyStore, KeepsIpv4KeysWithoutAPlaceApart) {
  Keys keys(1);
  for (int i = 0; i < 10; ++i) {
    keys.Keep(Ipv4Key());
  }

  const Keys::Kept kept = keys.Keep(Ipv6Key(1));

  EXPECT_EQ(Restored(keys, kept), Ipv6Key(1));
  EXPECT_FALSE(Keys::IsApart(Ipv4Key()));
  EXPECT_TRUE(Keys::IsApart(Ipv6Key(1)));
  EXPECT_TRUE(Keys::IsApart(MappedKey()));
  EXPECT_TRUE(Keys::IsApart(TunnelledKey()));
}

TEST(KeyStore, HasRoomAgainForWhatItForgot) {
  Keys keys(2);
  const Keys::Kept stays = keys.Keep(Ipv6Key(0));
  for (std::uint8_t last = 1; last < 100; ++last) {
    Keys::Kept kept = keys.Keep(last % 2 == 0 ? Ipv6Key(last) : MappedKey());
    ASSERT_EQ(Restored(keys, stays), Ipv6Key(0)) << int{last};
    keys.Forget(kept);
  }
}

TEST(KeyStore, ForgettingIpv4GivesNoPlaceOfOthersAway) {
  Keys keys(2);
  const Keys::Kept apart = keys.Keep(Ipv6Key(1));
  // As a number, 0.0.0.0 is the first place.
  Keys::Kept zero = keys.Keep(KeyOf(4, IpAddress::V4(0, 0, 0, 0), kServer));

  keys.Forget(zero);
  keys.Keep(Ipv6Key(2));

  EXPECT_EQ(Restored(keys, apart), Ipv6Key(1));
}

TEST(KeyStore, HasRoomForAllWhenItForgotAll) {
  Keys keys(2);
  keys.Keep(Ipv6Key(1));
  keys.Keep(Ipv6Key(2));

  keys.ForgetAll();

  const Keys::Kept third = keys.Keep(Ipv6Key(3));
  const Keys::Kept fourth = keys.Keep(Ipv6Key(4));
  EXPECT_EQ(Restored(keys, third), Ipv6Key(3));
  EXPECT_EQ(Restored(keys, fourth), Ipv6Key(4));
}

TEST(KeyStore, KeepsOtherKeysAsTheyAre) {
  const MacPairKey key{.address = {{{2, 0, 0, 0, 0, 1}, {2, 0, 0, 0, 0, 2}}}};
  MacPairKey other = key;
  other.address[1][5] = 3;
  tracker::KeyStore<MacPairKey> keys(0);

  const auto kept = keys.Keep(key);

  EXPECT_EQ(Restored(keys, kept), key);
  EXPECT_TRUE(keys.Same(kept, key));
  EXPECT_FALSE(keys.Same(kept, other));
  EXPECT_FALSE(keys.IsApart(key));
}

}  // namespace
}  // namespace tests
