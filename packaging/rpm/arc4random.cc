// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <cstdlib>

#include <sys/random.h>

// std::random_device of Debian 12 draws from this function of glibc 2.36, which
// RHEL 9 lacks. In the .rpm it is ours.
extern "C" std::uint32_t arc4random() noexcept {
  std::uint32_t number = 0;
  // So few octets come whole or not at all (getrandom(2)).
  if (getrandom(&number, sizeof number, 0) != sizeof number) {
    std::abort();
  }
  return number;
}
