// SPDX-License-Identifier: Apache-2.0
#include "tracker/pages.h"

#include <new>

#include <sys/mman.h>

namespace tracker {

Pages::Pages(std::size_t octets) : octets_(octets) {
  if (octets == 0) {
    return;
  }
  address_ = mmap(nullptr, octets, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (address_ == MAP_FAILED) {
    address_ = nullptr;
    throw std::bad_alloc();
  }
  // Only advice: without large pages it is slower, and right.
  static_cast<void>(madvise(address_, octets, MADV_HUGEPAGE));
}

Pages::~Pages() {
  if (address_ != nullptr) {
    munmap(address_, octets_);
  }
}

}  // namespace tracker
