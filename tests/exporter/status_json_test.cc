// SPDX-License-Identifier: Apache-2.0
#include "exporter/status_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace exporter {
namespace {

using ::testing::HasSubstr;

TEST(StatusJson, IsJsonWhateverThingsAreCalled) {
  RunSnapshot run;
  run.interfaces = {{"</script>\xff\"\n", {}}};
  run.findings = {
      {"duplicates", "eth1", Severity::kError, "Half are \"copies\"."}};

  const std::string text = StatusJson(run);

  EXPECT_THAT(text, HasSubstr("\"</script>\xef\xbf\xbd\\\"\\n\""));
  EXPECT_THAT(text, HasSubstr("\"sentence\":\"Half are \\\"copies\\\".\""));
  EXPECT_THAT(text, HasSubstr("\"severity\":\"error\""));
}

}  // namespace
}  // namespace exporter
