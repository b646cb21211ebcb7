// SPDX-License-Identifier: Apache-2.0
// Classic captures, whole and damaged, held against libpcap's own reading.
#include "exporter/capture_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <random>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pcap/pcap.h>
#include <sys/mman.h>

#include "exporter/descriptor.h"
#include "exporter/setup_error.h"

namespace exporter {
namespace {

using Octets = std::vector<std::uint8_t>;
using testing::HasSubstr;

constexpr std::uint32_t kMicroseconds = 0xa1b2c3d4;
constexpr std::uint32_t kNanoseconds = 0xa1b23c4d;
constexpr std::size_t kFileHeader = 24;
constexpr std::size_t kPacketHeader = 16;

// A classic capture in either byte order.
class Writer {
 public:
  explicit Writer(std::uint32_t magic = kMicroseconds, bool big_endian = false,
                  std::uint32_t snap_length = 65535, std::uint32_t link = 1,
                  std::uint32_t minor_version = 4)
      : big_endian_(big_endian) {
    Put(magic, 4).Put(2, 2).Put(minor_version, 2).Put(0, 8);
    Put(snap_length, 4).Put(link, 4);
  }

  Writer& Packet(std::uint32_t seconds, std::uint32_t fraction,
                 std::uint32_t captured, std::uint32_t wire_length) {
    Put(seconds, 4).Put(fraction, 4).Put(captured, 4).Put(wire_length, 4);
    for (std::uint32_t i = 0; i < captured; ++i) {
      octets.push_back(static_cast<std::uint8_t>(i + seconds));
    }
    return *this;
  }

  Octets octets;

 private:
  Writer& Put(std::uint64_t value, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t shift = 8 * (big_endian_ ? count - 1 - i : i);
      octets.push_back(static_cast<std::uint8_t>(value >> shift));
    }
    return *this;
  }

  bool big_endian_;
};

struct Packet {
  std::int64_t time = 0;  // nanoseconds
  std::uint32_t wire_length = 0;
  Octets octets;

  bool operator==(const Packet&) const = default;
};

// What a reading came to.
struct Found {
  std::vector<Packet> packets;
  bool failed = false;
  std::string error;
};

std::string PathOf(const Descriptor& file) {
  return "/proc/self/fd/" + std::to_string(file.Get());
}

// In memory; what is read of it is read from its start.
Descriptor File(const Octets& content) {
  Descriptor file(memfd_create("capture", MFD_CLOEXEC));
  EXPECT_EQ(write(file.Get(), content.data(), content.size()),
            static_cast<ssize_t>(content.size()));
  return file;
}

Found ReadAll(const std::string& path, const std::string& filter) {
  const std::atomic<bool> stop = false;
  Found found;
  try {
    const auto file = ReadCapture(path, OpenCapture(path), filter, stop);
    FrameBurst burst;
    while (file->Read(burst) > 0) {
      for (const tracker::Frame& frame : burst.Frames()) {
        found.packets.push_back(
            {frame.time.time_since_epoch().count(),
             frame.wire_length,
             {frame.captured.begin(), frame.captured.end()}});
      }
      burst.Clear();
    }
    found.error = file->Error();
  } catch (const SetupError& error) {
    found.error = error.what();
  }
  found.failed = !found.error.empty();
  return found;
}

Found Ours(const Octets& content, const std::string& filter = "") {
  return ReadAll(PathOf(File(content)), filter);
}

// With what spanfix makes of a packet: no time before 1970, no wire length
// below the captured one, the headers only.
Found Libpcaps(const Octets& content, const std::string& filter = "") {
  const Descriptor file = File(content);
  std::array<char, PCAP_ERRBUF_SIZE> error{};
  pcap_t* handle = pcap_open_offline_with_tstamp_precision(
      PathOf(file).c_str(), PCAP_TSTAMP_PRECISION_NANO, error.data());
  if (handle == nullptr) {
    return {.packets = {}, .failed = true, .error = error.data()};
  }
  Found found;
  bpf_program program{};
  EXPECT_EQ(pcap_compile(handle, &program, filter.c_str(), 1, 0), 0);
  EXPECT_EQ(pcap_setfilter(handle, &program), 0);
  pcap_freecode(&program);
  pcap_pkthdr* header = nullptr;
  const std::uint8_t* data = nullptr;
  int got = pcap_next_ex(handle, &header, &data);
  for (; got == 1; got = pcap_next_ex(handle, &header, &data)) {
    found.packets.push_back(
        {std::max<std::int64_t>(header->ts.tv_sec, 0) * 1'000'000'000 +
             header->ts.tv_usec,
         std::max(header->len, header->caplen),
         {data, data + std::min<std::size_t>(header->caplen,
                                             FrameBurst::kHeaderOctets)}});
  }
  found.failed = got == PCAP_ERROR;
  pcap_close(handle);
  return found;
}

void ExpectAsLibpcap(const Octets& content, const std::string& filter = "") {
  const Found ours = Ours(content, filter);
  const Found theirs = Libpcaps(content, filter);
  EXPECT_TRUE(ours.packets == theirs.packets)
      << ours.packets.size() << " packets, libpcap has "
      << theirs.packets.size();
  EXPECT_EQ(ours.failed, theirs.failed) << ours.error << theirs.error;
}

struct Encoding {
  std::uint32_t magic;
  bool big_endian;
};
class CaptureFileInEncoding : public testing::TestWithParam<Encoding> {
 protected:
  static Writer File(std::uint32_t snap_length = 65535) {
    return Writer(GetParam().magic, GetParam().big_endian, snap_length);
  }
};

TEST_P(CaptureFileInEncoding, ReadsTimeLengthsAndOctets) {
  const Found found = Ours(File().Packet(1'700'000'000, 7, 60, 1514).octets);

  ASSERT_EQ(found.packets.size(), 1U);
  EXPECT_EQ(found.packets[0].time,
            1'700'000'000'000'000'000 +
                (GetParam().magic == kNanoseconds ? 7 : 7000));
  EXPECT_EQ(found.packets[0].wire_length, 1514U);
  EXPECT_EQ(found.packets[0].octets.size(), 60U);
  EXPECT_EQ(found.error, "");
}

TEST_P(CaptureFileInEncoding, ReadsWhatLibpcapReads) {
  Writer file = File();
  for (std::uint32_t i = 0; i < 200; ++i) {
    file.Packet(i, i, i * 13 % 2000, i * 11 % 2100);
  }
  ExpectAsLibpcap(file.octets);
  EXPECT_EQ(Ours(file.octets).packets.size(), 200U);
}

TEST_P(CaptureFileInEncoding, TakesTheSnapLengthAsLibpcapDoes) {
  for (const std::uint32_t snap_length :
       {0U, 1U, 96U, 262'144U, 300'000U, 0x7fff'ffffU, 0x8000'0000U,
        0xffff'ffffU}) {
    SCOPED_TRACE(snap_length);
    ExpectAsLibpcap(
        File(snap_length).Packet(1, 2, 100, 100).Packet(3, 4, 60, 60).octets);
    for (const std::uint32_t length : {262'144U, 262'145U}) {
      ExpectAsLibpcap(File(snap_length).Packet(1, 2, length, length).octets);
    }
  }
}

TEST_P(CaptureFileInEncoding, EveryCutIsTakenAsLibpcapTakesIt) {
  const Octets whole = File().Packet(1, 2, 60, 60).Packet(3, 4, 9, 9).octets;
  for (std::size_t length = 0; length <= whole.size(); ++length) {
    SCOPED_TRACE(length);
    ExpectAsLibpcap(
        {whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length)});
  }
}

TEST_P(CaptureFileInEncoding, DamageIsTakenAsLibpcapTakesIt) {
  Writer file = File(1500);
  for (std::uint32_t i = 0; i < 90; ++i) {
    file.Packet(i, i, 20 + i, 40 + i);
  }
  std::mt19937 random(1);
  for (int round = 0; round < 500; ++round) {
    SCOPED_TRACE(round);
    Octets damaged = file.octets;
    for (auto left = 1 + random() % 4; left > 0; --left) {
      // Not the magic number, the version, or the link type: those are checked
      // before; then headers more often than chance would have it.
      const std::size_t at =
          16 + random() % (random() % 2 == 0 ? 40 : damaged.size() - 16);
      if (at < 20 || at >= kFileHeader) {
        damaged[at] = static_cast<std::uint8_t>(random());
      }
    }
    damaged.resize(damaged.size() - random() % 3 * (random() % 500));
    ExpectAsLibpcap(damaged);
  }
}

INSTANTIATE_TEST_SUITE_P(All, CaptureFileInEncoding,
                         testing::Values(Encoding{kMicroseconds, false},
                                         Encoding{kMicroseconds, true},
                                         Encoding{kNanoseconds, false},
                                         Encoding{kNanoseconds, true}));

TEST(CaptureFile, PacketsAcrossReadsOfTheFileAreWhole) {
  // More than any buffer, and in lengths that end everywhere.
  Writer file(kMicroseconds, false, 262'144);
  std::mt19937 random(2);
  while (file.octets.size() < 12'000'000) {
    const auto length = static_cast<std::uint32_t>(
        random() % 50 == 0 ? random() % 262'145 : random() % 1515);
    file.Packet(static_cast<std::uint32_t>(random() % 1'000'000), 0, length,
                length);
  }
  ExpectAsLibpcap(file.octets);
  file.octets.resize(file.octets.size() - 1);
  ExpectAsLibpcap(file.octets);
}

TEST(CaptureFile, OlderVersionsAreReadAsLibpcapReadsThem) {
  for (const std::uint32_t minor : {0U, 2U, 3U, 5U}) {
    SCOPED_TRACE(minor);
    ExpectAsLibpcap(Writer(kMicroseconds, false, 65535, 1, minor)
                        .Packet(1, 2, 60, 60)
                        .Packet(3, 4, 60, 1514)
                        .octets);
  }
}

TEST(CaptureFile, TheUpperBitsOfTheLinkTypeSayHowLongTheChecksumIs) {
  const Octets file = Writer(kMicroseconds, false, 65535, 0x9400'0001)
                          .Packet(1, 2, 64, 64)
                          .octets;
  ExpectAsLibpcap(file);
  EXPECT_EQ(Ours(file).packets.size(), 1U);
}

TEST(CaptureFile, AFilterSeesTheWholePacket) {
  Writer file(kMicroseconds, false, 9000);
  for (const std::uint32_t length : {60U, 1500U, 2000U, 1100U}) {
    file.Packet(5, 0, length, length);
  }
  for (const char* filter : {"greater 1100", "ether[1200] = 181", "arp"}) {
    SCOPED_TRACE(filter);
    ExpectAsLibpcap(file.octets, filter);
  }
  EXPECT_EQ(Ours(file.octets, "ether[1200] = 181").packets.size(), 2U);
}

TEST(CaptureFile, NamesWhereItIsTruncated) {
  Octets file = Writer().Packet(1, 2, 60, 60).Packet(3, 4, 60, 60).octets;
  const std::size_t second = kFileHeader + kPacketHeader + 60;

  file.resize(second + kPacketHeader + 50);
  EXPECT_THAT(Ours(file).error,
              HasSubstr("truncated in the packet at octet 100, which has 50 "
                        "of its 60 octets"));
  file.resize(second + 7);
  EXPECT_THAT(Ours(file).error,
              HasSubstr("truncated in the packet at octet 100, which has 7 of "
                        "the 16 octets of its header"));
}

TEST(CaptureFile, NamesAnImpossibleLength) {
  Octets file = Writer().Packet(1, 2, 60, 60).Packet(3, 4, 60, 60).octets;
  file[kFileHeader + kPacketHeader + 60 + 11] = 0x80;

  const Found found = Ours(file);

  EXPECT_EQ(found.packets.size(), 1U);
  EXPECT_THAT(
      found.error,
      HasSubstr(
          "the packet at octet 100 has the impossible length 2147483708"));
}

TEST(CaptureFile, PacketsOfAPipeAreDeliveredBeforeThereIsMore) {
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
  const Descriptor reading(ends[0]);
  const Descriptor writing(ends[1]);
  const Octets file = Writer().Packet(1, 2, 60, 60).Packet(3, 4, 9, 9).octets;
  const std::size_t begun = file.size() - 3;
  ASSERT_EQ(write(writing.Get(), file.data(), begun),
            static_cast<ssize_t>(begun));
  const std::atomic<bool> stop = false;
  const auto capture =
      ReadCapture(PathOf(reading), OpenCapture(PathOf(reading)), "", stop);
  FrameBurst burst;

  EXPECT_EQ(capture->Read(burst), 1U);
  burst.Clear();
  ASSERT_EQ(write(writing.Get(), file.data() + begun, 3), 3);
  EXPECT_EQ(capture->Read(burst), 1U);
  EXPECT_EQ(burst.Frames()[0].captured.size(), 9U);
}

}  // namespace
}  // namespace exporter
