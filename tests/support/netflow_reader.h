// SPDX-License-Identifier: Apache-2.0
// A second reader of NetFlow v9 (RFC 3954) and v5, which shares no code with
// the encoders.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <utility>
#include <vector>

namespace test_support {

// By the numbers of v9, also for v5; the octets of the value as on the wire.
using NetflowRecord = std::map<std::uint16_t, std::vector<std::uint8_t>>;

// The scope "system" of an options record, beside the numbers of fields.
inline constexpr std::uint16_t kScope = 0;

// (field, length), in order.
using NetflowTemplate = std::vector<std::pair<std::uint16_t, std::uint16_t>>;

struct NetflowMessage {
  std::size_t octets = 0;
  std::uint32_t uptime_ms = 0;
  std::uint64_t time_ms = 0;  // of day, since 1970
  std::uint32_t sequence = 0;
  std::uint32_t source = 0;    // v5: the engine
  std::uint16_t sampling = 0;  // v5: mode << 14 | interval
  std::vector<std::uint16_t> templates;
  std::vector<NetflowRecord> records;
  // Of options; the scope under kScope.
  std::vector<NetflowRecord> options;

  // Since 1970, of a field that is an uptime.
  [[nodiscard]] std::uint64_t TimeOf(const NetflowRecord& record,
                                     std::uint16_t field) const;
};

// Throws std::runtime_error when a message is not as the protocol says:
// lengths, counts, padding, data without a template.
class Netflow9Reader {
 public:
  NetflowMessage Read(std::span<const std::uint8_t> octets);
  [[nodiscard]] const NetflowTemplate& Template(std::uint16_t id) const {
    return templates_.at(id);
  }

 private:
  void ReadTemplates(std::span<const std::uint8_t> set, NetflowMessage& read);
  void ReadOptionsTemplate(std::span<const std::uint8_t> set,
                           NetflowMessage& read);
  static void ReadRecords(std::span<const std::uint8_t> set,
                          const NetflowTemplate& layout,
                          std::vector<NetflowRecord>& to);

  std::map<std::uint16_t, NetflowTemplate> templates_;
  std::map<std::uint16_t, NetflowTemplate> options_templates_;
};

NetflowMessage ReadNetflow5(std::span<const std::uint8_t> octets);

// A value of up to 8 octets; throws when there is none.
std::uint64_t Value(const NetflowRecord& record, std::uint16_t field);

}  // namespace test_support
