// SPDX-License-Identifier: Apache-2.0
// What root may do, given up once all that needs it is open.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

namespace exporter {

struct User {
  std::string name;
  uid_t id = 0;
  gid_t group = 0;
};

// Whom to become: `name`, that of --user, or when it is empty "spanfix" if
// there is one, else "nobody". None: root stays root, as --user root wants, or
// without --user because this is not root, or not one that may change (no
// CAP_SETUID). Throws SetupError: there is no such user, or it cannot be
// become.
std::optional<User> UserToBecome(const std::string& name);

// The name of whom this process acts as; the number of one who has none.
std::string ActingUser();

// Of two steps the first, before there is a second thread: no program that is
// executed can give back what this one gives up (PR_SET_NO_NEW_PRIVS, an empty
// bounding set). Linux has that for each thread, and a new one inherits it.
// Throws SetupError that names `user`.
void ForgoRegaining(const User& user);

// The second, when all is open: user, groups and capabilities, for good. Only
// CAP_NET_RAW stays when `keep_capturing`, because an interface that comes back
// is opened anew, for this thread and those that it starts; threads that a
// library has started already have none. Throws SetupError; then the process is
// not to go on.
void Become(const User& user, bool keep_capturing);

// Root does with files what this user may, until the end of it: what is made
// is the user's, and what cannot be done later fails now. Nothing happens
// without a user. All threads do so.
class ActingAs {
 public:
  // Throws SetupError.
  explicit ActingAs(const std::optional<User>& user);
  ActingAs(const ActingAs&) = delete;
  ActingAs& operator=(const ActingAs&) = delete;
  ~ActingAs();

 private:
  void Return() const;

  bool acting_ = false;
  gid_t group_ = 0;
  std::vector<gid_t> groups_;
};

}  // namespace exporter
