// SPDX-License-Identifier: Apache-2.0
// Files that teach a collector the elements that it does not know, each in the
// format of that collector, all from the one table of elements.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace templates {

// The file that `collector` reads, with our own elements under the enterprise
// number `pen`; nothing when there is no such file.
std::optional<std::string> DefinitionFile(std::string_view collector,
                                          std::uint32_t pen);

// The collectors that have one, for messages: "logstash, filebeat, ...".
std::string DefinitionFileNames();

}  // namespace templates
