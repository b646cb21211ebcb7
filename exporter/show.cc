// SPDX-License-Identifier: Apache-2.0
#include "exporter/show.h"

#include <algorithm>
#include <cstdio>
#include <memory>

#include "exporter/record_file.h"
#include "exporter/text_output.h"

namespace exporter {
namespace {

// A file may have been made by anyone: nothing in it may end a JSON string or
// reach the terminal as a command.
template <std::size_t N>
void KeepPrintable(templates::ShortString<N>& text) {
  std::replace_if(
      text.octets.begin(), text.octets.end(),
      [](char c) { return c <= ' ' || c > '~' || c == '"' || c == '\\'; }, '?');
}

void KeepPrintable(templates::FlowRecord& record) {
  constexpr std::uint8_t kCauses = 8;
  KeepPrintable(record.connection_state);
  KeepPrintable(record.history);
  KeepPrintable(record.community_id);
  if (record.end_cause >= kCauses) {
    record.end_cause = 0;
  }
}

void Complain(const std::string& what) {
  std::fprintf(stderr, "spanfix: %s\n", what.c_str());
}

}  // namespace

int Show(const ShowOptions& options) {
  const std::unique_ptr<RecordFile> file =
      OpenRecordFile(options.file, options.pen);
  const std::unique_ptr<Output> output = MakeTextOutput(options.format, stdout);
  templates::FlowRecord record;
  while (file->Next(record)) {
    KeepPrintable(record);
    output->Add(record, {});
  }
  output->Finish({});

  int status = 0;
  if (!file->Error().empty()) {
    Complain("'" + options.file + "': " + file->Error() +
             "; what came before it was printed");
    status = 1;
  }
  for (const auto& [reason, records] : output->Counts().dropped) {
    Complain("cannot write to " + output->Name() + ": " + reason);
    status = 1;
  }
  return status;
}

}  // namespace exporter
