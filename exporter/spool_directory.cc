// SPDX-License-Identifier: Apache-2.0
#include "exporter/spool_directory.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <cstdio>
#include <string_view>
#include <utility>

#include <sys/file.h>
#include <sys/stat.h>

#include "exporter/last_error.h"
#include "exporter/setup_error.h"

namespace exporter {
namespace {

// Longer names are cut, and told apart by a number (FNV-1a).
constexpr std::size_t kLongestName = 100;

std::string Digest(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char letter : text) {
    hash = (hash ^ static_cast<std::uint8_t>(letter)) * 0x100000001b3;
  }
  std::array<char, 17> digits{};
  std::snprintf(digits.data(), digits.size(), "%016llx",
                static_cast<unsigned long long>(hash));
  return digits.data();
}

// "tcp://user:secret@h:4739?key=k" -> "tcp://h:4739"
std::string WithoutSecrets(std::string_view text) {
  text = text.substr(0, text.find('?'));
  const std::size_t authority = text.find("//");
  if (authority == std::string_view::npos) {
    return std::string(text);
  }
  const std::size_t begin = authority + 2;
  const std::size_t end = std::min(text.find('/', begin), text.size());
  const std::size_t at = text.substr(0, end).rfind('@');
  const std::size_t host =
      at == std::string_view::npos || at < begin ? begin : at + 1;
  return std::string(text.substr(0, begin)) + std::string(text.substr(host));
}

// Where nobody but root may make one, root makes it for the user.
std::error_code Make(const std::string& path, const std::optional<User>& user) {
  if (mkdir(path.c_str(), 0750) != 0) {
    return errno == EEXIST ? std::error_code{} : LastError();
  }
  if (user && lchown(path.c_str(), user->id, user->group) != 0) {
    return LastError();
  }
  return {};
}

}  // namespace

void RefuseSpool(const std::string& what, const std::error_code& why) {
  std::string fix;
  if (why == std::errc::permission_denied) {
    fix = "; make it that of the user who writes it: chown -R " + ActingUser() +
          " '" + what + "'";
  }
  throw SetupError("--spool: cannot use '" + what + "': " + why.message() +
                   fix);
}

SpoolDirectory::SpoolDirectory(std::string path, std::optional<User> user)
    : path_(std::move(path)), user_(std::move(user)) {
  const auto refuse = [&](const std::string& why) {
    throw SetupError("--spool: " + why);
  };
  if (const std::error_code error = Make(path_, user_)) {
    refuse("cannot make '" + path_ + "': " + error.message());
  }
  const ActingAs acting(user_);
  const std::string name = path_ + "/lock";
  lock_ = Descriptor(open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640));
  if (!lock_.Valid()) {
    RefuseSpool(path_, LastError());
  }
  if (flock(lock_.Get(), LOCK_EX | LOCK_NB) != 0) {
    refuse(errno == EWOULDBLOCK
               ? "another spanfix has '" + path_ +
                     "'; give each a directory of its own"
               : "cannot lock '" + name + "': " + LastError().message());
  }
}

std::string SpoolDirectory::Of(const CollectorUrl& url) const {
  const std::string text =
      WithoutSecrets(url.text) + '.' + std::to_string(url.observation_domain);
  std::string name;
  for (const char letter : text) {
    const auto code = static_cast<unsigned char>(letter);
    const bool plain = code < 0x80 && (std::isalnum(code) != 0 ||
                                       letter == '.' || letter == '-');
    if (plain || name.empty() || name.back() != '_') {
      name += plain ? letter : '_';
    }
  }
  if (name.size() > kLongestName) {
    name = name.substr(0, kLongestName) + '-' + Digest(text);
  }
  return path_ + '/' + name;
}

}  // namespace exporter
