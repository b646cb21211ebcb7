// SPDX-License-Identifier: Apache-2.0
#include "exporter/privileges.h"

#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdlib>

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "exporter/last_error.h"
#include "exporter/setup_error.h"

namespace exporter {
namespace {

// Version 3 of the kernel's interface has 64 capabilities in two words.
using Capabilities =
    std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3>;

constexpr std::uint32_t Bit(unsigned capability) {
  return std::uint32_t{1} << capability;
}

__user_cap_header_struct ThisThread() {
  return {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
}

Capabilities CurrentCapabilities() {
  Capabilities capabilities{};
  __user_cap_header_struct header = ThisThread();
  if (syscall(SYS_capget, &header, capabilities.data()) != 0) {
    throw SetupError("--user: cannot ask for capabilities: " +
                     LastError().message());
  }
  return capabilities;
}

// Throws with the reason in errno unless `done`.
void Must(bool done, const User& user, const char* what) {
  if (!done) {
    throw SetupError("--user: cannot become '" + user.name + "' (" + what +
                     "): " + LastError().message() +
                     "; choose another user, or --user root to stay root");
  }
}

// None: there is no such user.
std::optional<User> Find(const std::string& name) {
  // The only thread asks.
  const passwd* entry =
      getpwnam(name.c_str());  // NOLINT(concurrency-mt-unsafe)
  if (entry == nullptr) {
    return std::nullopt;
  }
  return User{name, entry->pw_uid, entry->pw_gid};
}

User Named(const std::string& name) {
  if (std::optional<User> user = Find(name)) {
    return *user;
  }
  throw SetupError("--user: there is no user '" + name +
                   "'; 'getent passwd' lists them");
}

User DefaultUser() {
  if (std::optional<User> user = Find("spanfix")) {
    return *user;
  }
  if (std::optional<User> user = Find("nobody")) {
    return *user;
  }
  throw SetupError(
      "--user: there is no user 'spanfix' and no 'nobody'; say who to become, "
      "or --user root to stay root");
}

void ClearBoundingSet(const User& user) {
  for (int capability = 0;; ++capability) {
    const int there = prctl(PR_CAPBSET_READ, capability);
    if (there < 0 && errno == EINVAL) {
      return;  // the kernel knows no more of them
    }
    Must(there == 0 || prctl(PR_CAPBSET_DROP, capability) == 0, user,
         "PR_CAPBSET_DROP");
  }
}

void KeepOnly(std::uint32_t kept, const User& user) {
  Capabilities capabilities{};
  capabilities[0].permitted = kept;
  capabilities[0].effective = kept;
  __user_cap_header_struct header = ThisThread();
  Must(syscall(SYS_capset, &header, capabilities.data()) == 0, user, "capset");
}

}  // namespace

std::optional<User> UserToBecome(const std::string& name) {
  const bool able = geteuid() == 0 &&
                    (CurrentCapabilities()[0].effective & Bit(CAP_SETUID)) != 0;
  if (!able && name.empty()) {
    return std::nullopt;
  }
  User user = name.empty() ? DefaultUser() : Named(name);
  if (geteuid() == 0 && user.id == 0) {
    return std::nullopt;
  }
  if (!able) {
    throw SetupError("--user: only root with CAP_SETUID can become '" + name +
                     "'; leave it out");
  }
  return user;
}

std::string ActingUser() {
  const passwd* entry = getpwuid(geteuid());  // NOLINT(concurrency-mt-unsafe)
  return entry != nullptr ? entry->pw_name : std::to_string(geteuid());
}

void ForgoRegaining(const User& user) {
  ClearBoundingSet(user);
  Must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, user,
       "PR_SET_NO_NEW_PRIVS");
}

void Become(const User& user, bool keep_capturing) {
  const std::uint32_t kept =
      keep_capturing ? CurrentCapabilities()[0].permitted & Bit(CAP_NET_RAW)
                     : 0;
  Must(initgroups(user.name.c_str(), user.group) == 0, user, "initgroups");
  Must(setresgid(user.group, user.group, user.group) == 0, user, "setresgid");
  // Else the kernel takes all away with the user, as it does from other
  // threads.
  Must(prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) == 0, user, "PR_SET_KEEPCAPS");
  Must(setresuid(user.id, user.id, user.id) == 0, user, "setresuid");
  Must(prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0) == 0, user, "PR_SET_KEEPCAPS");
  KeepOnly(kept, user);
}

ActingAs::ActingAs(const std::optional<User>& user) {
  if (!user || geteuid() == user->id) {
    return;  // nobody to become, or for good already
  }
  group_ = getegid();
  groups_.resize(static_cast<std::size_t>(getgroups(0, nullptr)));
  Must(getgroups(static_cast<int>(groups_.size()), groups_.data()) >= 0, *user,
       "getgroups");
  acting_ = true;
  try {
    Must(initgroups(user->name.c_str(), user->group) == 0, *user, "initgroups");
    Must(setegid(user->group) == 0, *user, "setegid");
    Must(seteuid(user->id) == 0, *user, "seteuid");
  } catch (const SetupError&) {
    Return();
    throw;
  }
}

ActingAs::~ActingAs() { Return(); }

// Root is its real user still, so that this cannot fail.
void ActingAs::Return() const {
  if (acting_ && (seteuid(0) != 0 || setegid(group_) != 0 ||
                  setgroups(groups_.size(), groups_.data()) != 0)) {
    std::abort();
  }
}

}  // namespace exporter
