// SPDX-License-Identifier: Apache-2.0
#include "exporter/community_id.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <span>
#include <tuple>
#include <utility>

#include <openssl/evp.h>

#include "tracker/icmp.h"
#include "tracker/packet.h"

namespace exporter {
namespace {

constexpr std::size_t kSha1Octets = 20;

struct Endpoint {
  std::span<const std::uint8_t> address;
  std::uint16_t port = 0;

  bool operator<(const Endpoint& other) const {
    return std::lexicographical_compare(address.begin(), address.end(),
                                        other.address.begin(),
                                        other.address.end()) ||
           (std::equal(address.begin(), address.end(), other.address.begin()) &&
            port < other.port);
  }
};

// What is hashed: seed, addresses, protocol, a zero, ports.
class Input {
 public:
  void Add16(std::uint16_t value) {
    Add8(static_cast<std::uint8_t>(value >> 8));
    Add8(static_cast<std::uint8_t>(value));
  }
  void Add8(std::uint8_t value) {
    octets_[length_] = value;
    ++length_;
  }
  void Add(std::span<const std::uint8_t> octets) {
    std::copy(octets.begin(), octets.end(), octets_.begin() + length_);
    length_ += octets.size();
  }
  [[nodiscard]] std::span<const std::uint8_t> Octets() const {
    return std::span(octets_).first(length_);
  }

 private:
  std::array<std::uint8_t, 2 + 16 + 16 + 2 + 4> octets_{};
  std::size_t length_ = 0;
};

bool HasPorts(std::uint8_t protocol) {
  return protocol == tracker::kTcp || protocol == tracker::kUdp ||
         protocol == tracker::kSctp || protocol == tracker::kIcmp ||
         protocol == tracker::kIcmpV6;
}

std::span<const std::uint8_t> Address(
    const std::array<std::uint8_t, 16>& octets, std::uint8_t ip_version) {
  return std::span(octets).last(ip_version == 4 ? 4 : 16);
}

Input InputFor(const templates::FlowRecord& record) {
  Endpoint source{Address(record.source_address, record.ip_version),
                  record.source_port};
  Endpoint destination{Address(record.destination_address, record.ip_version),
                       record.destination_port};
  bool one_way = false;
  if (record.protocol == tracker::kIcmp ||
      record.protocol == tracker::kIcmpV6) {
    const auto type = static_cast<std::uint8_t>(record.icmp_type_code >> 8);
    const auto code = static_cast<std::uint8_t>(record.icmp_type_code);
    const auto counterpart = tracker::IcmpCounterpart(record.protocol, type);
    one_way = !counterpart;
    source.port = type;
    destination.port = counterpart.value_or(code);
  }
  if (!one_way && destination < source) {
    std::swap(source, destination);
  }
  Input input;
  input.Add16(0);  // seed
  input.Add(source.address);
  input.Add(destination.address);
  input.Add8(record.protocol);
  input.Add8(0);
  if (HasPorts(record.protocol)) {
    input.Add16(source.port);
    input.Add16(destination.port);
  }
  return input;
}

}  // namespace

void CommunityId::Free::operator()(evp_md_ctx_st* context) const {
  EVP_MD_CTX_free(context);
}

void CommunityId::Free::operator()(evp_md_st* digest) const {
  EVP_MD_free(digest);
}

CommunityId::CommunityId()
    : context_(EVP_MD_CTX_new()),
      sha1_(EVP_MD_fetch(nullptr, "SHA1", nullptr)) {}

void CommunityId::Assign(templates::FlowRecord& record) {
  const Input input = InputFor(record);
  std::array<std::uint8_t, kSha1Octets> digest{};
  if (EVP_DigestInit_ex2(context_.get(), sha1_.get(), nullptr) != 1 ||
      EVP_DigestUpdate(context_.get(), input.Octets().data(),
                       input.Octets().size()) != 1 ||
      EVP_DigestFinal_ex(context_.get(), digest.data(), nullptr) != 1) {
    return;  // a library without SHA-1: the record goes without
  }
  // Base64 of 20 octets, and the 0 that the library puts behind it.
  std::array<std::uint8_t, (kSha1Octets + 2) / 3 * 4 + 1> text{};
  const int length = EVP_EncodeBlock(text.data(), digest.data(), kSha1Octets);
  std::array<char, 2 + sizeof(text)> id{'1', ':'};
  std::copy_n(text.begin(), length, id.begin() + 2);
  record.community_id.Assign({id.data(), static_cast<std::size_t>(length) + 2});
}

}  // namespace exporter
