// SPDX-License-Identifier: Apache-2.0
#include "exporter/pcapng_reader.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace exporter {
namespace {

using Octets = std::vector<std::uint8_t>;

// Blocks in either byte order.
class Writer {
 public:
  explicit Writer(bool big_endian) : big_endian_(big_endian) {}

  Writer& Section() {
    return Block(0x0a0d0d0a, Field(0x1a2b3c4d, 4), Field(1, 4), Field(0, 8));
  }
  Writer& Interface(std::uint16_t link, std::uint32_t snap,
                    const Octets& options = {}) {
    return Block(1, Field(link, 2), Field(0, 2), Field(snap, 4), options);
  }
  Writer& Enhanced(std::uint32_t interface, std::uint64_t ticks,
                   const Octets& data, std::uint32_t wire) {
    return Block(6, Field(interface, 4), Field(ticks >> 32, 4),
                 Field(ticks & 0xffffffff, 4), Field(data.size(), 4),
                 Field(wire, 4), Padded(data));
  }
  Writer& Simple(const Octets& data, std::uint32_t wire) {
    return Block(3, Field(wire, 4), Padded(data));
  }
  template <typename... Parts>
  Writer& Block(std::uint32_t type, const Parts&... parts) {
    Octets body;
    (body.insert(body.end(), parts.begin(), parts.end()), ...);
    const Octets length = Field(body.size() + 12, 4);
    for (const Octets& part : {Field(type, 4), length, body, length}) {
      octets.insert(octets.end(), part.begin(), part.end());
    }
    return *this;
  }
  [[nodiscard]] Octets Option(std::uint16_t code, const Octets& value) const {
    Octets option = Field(code, 2);
    for (const Octets& part : {Field(value.size(), 2), Padded(value)}) {
      option.insert(option.end(), part.begin(), part.end());
    }
    return option;
  }
  [[nodiscard]] Octets Field(std::uint64_t value, std::size_t count) const {
    Octets field(count);
    for (std::size_t i = 0; i < count; ++i) {
      field[big_endian_ ? count - 1 - i : i] =
          static_cast<std::uint8_t>(value >> (8 * i));
    }
    return field;
  }

  Octets octets;

 private:
  static Octets Padded(Octets data) {
    data.resize((data.size() + 3) / 4 * 4);
    return data;
  }

  bool big_endian_;
};

// What a reader finds in `octets`, which fit into a pipe.
struct Found {
  std::vector<PcapngPacket> packets;
  std::vector<Octets> data;
  std::string error;
};

Found Read(const Octets& octets) {
  std::array<int, 2> ends{};
  EXPECT_EQ(pipe(ends.data()), 0);
  EXPECT_EQ(write(ends[1], octets.data(), octets.size()),
            static_cast<ssize_t>(octets.size()));
  close(ends[1]);
  const std::atomic<bool> stop{false};
  CaptureStream stream(Descriptor{ends[0]}, stop);
  PcapngReader reader(stream);
  Found found;
  PcapngPacket packet;
  while (reader.Next(packet)) {
    found.packets.push_back(packet);
    found.data.emplace_back(packet.captured.begin(), packet.captured.end());
  }
  found.error = reader.Error();
  return found;
}

constexpr std::uint64_t kSecond = 1'700'000'000;
const Octets payload = {1, 2, 3, 4, 5};

class PcapngReaderInOrder : public testing::TestWithParam<bool> {};

TEST_P(PcapngReaderInOrder, ReadsAPacket) {
  Writer file(GetParam());
  file.Section().Interface(1, 0).Enhanced(0, kSecond * 1'000'000 + 7, payload,
                                          99);

  const Found found = Read(file.octets);

  ASSERT_EQ(found.packets.size(), 1U);
  EXPECT_EQ(found.data[0], payload);
  EXPECT_EQ(found.packets[0].wire_length, 99U);
  EXPECT_EQ(found.packets[0].link_type, 1);
  EXPECT_EQ(found.packets[0].time.time_since_epoch(),
            std::chrono::seconds{kSecond} + std::chrono::microseconds{7});
  EXPECT_EQ(found.error, "");
}

TEST_P(PcapngReaderInOrder, TellsInterfacesApart) {
  Writer file(GetParam());
  file.Section().Interface(1, 96).Interface(113, 8192);
  file.Enhanced(1, 0, payload, 5).Enhanced(0, 0, payload, 5);

  const Found found = Read(file.octets);

  ASSERT_EQ(found.packets.size(), 2U);
  EXPECT_EQ(found.packets[0].link_type, 113);
  EXPECT_EQ(found.packets[1].link_type, 1);
}

TEST_P(PcapngReaderInOrder, FollowsTheClockOfTheInterface) {
  Writer file(GetParam());
  file.Section()
      .Interface(1, 0, file.Option(9, {9}))
      .Interface(1, 0, file.Option(9, {0x80 | 10}))
      .Interface(1, 0, file.Option(14, file.Field(100, 8)));
  file.Enhanced(0, 5'000'000'001, payload, 5)
      .Enhanced(1, 3 * 1024 + 512, payload, 5)
      .Enhanced(2, 1'000'000, payload, 5);

  const Found found = Read(file.octets);

  ASSERT_EQ(found.packets.size(), 3U);
  using std::chrono::nanoseconds;
  EXPECT_EQ(found.packets[0].time.time_since_epoch(),
            nanoseconds{5'000'000'001});
  EXPECT_EQ(found.packets[1].time.time_since_epoch(),
            nanoseconds{3'500'000'000});
  EXPECT_EQ(found.packets[2].time.time_since_epoch(),
            std::chrono::seconds{101});
}

TEST_P(PcapngReaderInOrder, CutsASimplePacketAtTheSnapLength) {
  Writer file(GetParam());
  file.Section().Interface(1, 3).Simple(payload, 60);

  const Found found = Read(file.octets);

  ASSERT_EQ(found.packets.size(), 1U);
  EXPECT_EQ(found.data[0], (Octets{1, 2, 3}));
  EXPECT_EQ(found.packets[0].wire_length, 60U);
}

TEST_P(PcapngReaderInOrder, SkipsOtherBlocks) {
  Writer file(GetParam());
  file.Section().Interface(1, 0).Block(4, Octets(8)).Block(0xbad, Octets(4));
  file.Enhanced(0, 0, payload, 5);

  EXPECT_EQ(Read(file.octets).packets.size(), 1U);
}

TEST_P(PcapngReaderInOrder, ClampsTimesThatCannotBe) {
  Writer file(GetParam());
  file.Section().Interface(1, 0, file.Option(9, {0}));
  file.Enhanced(0, ~std::uint64_t{0}, payload, 5);

  const Found found = Read(file.octets);

  ASSERT_EQ(found.packets.size(), 1U);
  EXPECT_EQ(found.packets[0].time.time_since_epoch(),
            std::chrono::seconds{8'000'000'000});
}

INSTANTIATE_TEST_SUITE_P(ByteOrders, PcapngReaderInOrder, testing::Bool());

TEST(PcapngReader, ANewSectionHasItsOwnByteOrderAndInterfaces) {
  Writer first(false);
  first.Section().Interface(1, 0).Enhanced(0, 0, payload, 5);
  Writer second(true);
  second.Section().Interface(113, 0).Enhanced(0, 0, payload, 5);
  first.octets.insert(first.octets.end(), second.octets.begin(),
                      second.octets.end());

  const Found found = Read(first.octets);

  ASSERT_EQ(found.packets.size(), 2U);
  EXPECT_EQ(found.packets[1].link_type, 113);
}

TEST(PcapngReader, NamesAPacketOfAnUnknownInterface) {
  Writer file(false);
  file.Section().Enhanced(3, 0, payload, 5);

  EXPECT_EQ(Read(file.octets).error,
            "a packet names interface 3, which is not described");
}

TEST(PcapngReader, NamesAnImpossibleLength) {
  Writer file(false);
  file.Section().Interface(1, 0).Enhanced(0, 0, payload, 5);
  file.octets[28 + 20 + 4] = 3;

  EXPECT_EQ(Read(file.octets).error, "a block has the impossible length 3");
}

TEST(PcapngReader, EveryCutIsAFailureExceptBetweenBlocks) {
  Writer file(false);
  file.Section().Interface(1, 0).Enhanced(0, 0, payload, 5);
  const std::vector<std::size_t> regular = {0, 28, 48, file.octets.size()};
  for (std::size_t length = 0; length <= file.octets.size(); ++length) {
    const Found found =
        Read({file.octets.begin(),
              file.octets.begin() + static_cast<std::ptrdiff_t>(length)});
    const bool is_regular =
        std::find(regular.begin(), regular.end(), length) != regular.end();
    EXPECT_EQ(found.error.empty(), is_regular) << length;
  }
}

}  // namespace
}  // namespace exporter
