// SPDX-License-Identifier: Apache-2.0
// Files of records, as --show reads them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "templates/flow_record.h"

namespace exporter {

class RecordFile {
 public:
  RecordFile() = default;
  RecordFile(const RecordFile&) = delete;
  RecordFile& operator=(const RecordFile&) = delete;
  virtual ~RecordFile() = default;

  // The next record, in the order of the file. Returns false at the end, and
  // where the file is torn or damaged; Error() is then not empty.
  [[nodiscard]] virtual bool Next(templates::FlowRecord& record) = 0;
  // What is wrong with the file, without its name: "it ends inside a record".
  [[nodiscard]] const std::string& Error() const { return error_; }

 protected:
  // Returns false, for Next().
  bool Fail(std::string why) {
    error_ = std::move(why);
    return false;
  }

 private:
  std::string error_;
};

// `path` is a file of `-c protobuf:` or an IPFIX file (RFC 5655), also
// gzip-compressed; "-" is the standard input. An empty file has no records. The
// elements of ours in an IPFIX file are those under `pen`. Throws SetupError
// that names the file when it cannot be read or is neither.
std::unique_ptr<RecordFile> OpenRecordFile(const std::string& path,
                                           std::uint32_t pen);

}  // namespace exporter
