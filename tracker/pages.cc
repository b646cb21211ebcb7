// SPDX-License-Identifier: Apache-2.0
#include "tracker/pages.h"

#include <algorithm>
#include <new>

#include <sys/mman.h>

namespace tracker {
namespace {

constexpr std::size_t kSmallPage = 64 << 10;  // or smaller
constexpr std::size_t kLargePage = 2 << 20;

}  // namespace

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
}

void Pages::UseLargePages() const {
  // Only advice: without large pages it is slower, and right.
  if (octets_ > kLargePage) {
    static_cast<void>(madvise(static_cast<std::byte*>(address_) + kLargePage,
                              octets_ - kLargePage, MADV_HUGEPAGE));
  }
}

void Pages::Populate(std::size_t from, std::size_t octets) const {
  if (from >= octets_) {
    return;
  }
  const std::size_t page = from / kSmallPage * kSmallPage;
  const std::size_t end = std::min(from + octets, octets_);
  // Only advice, too: kernels before 5.14 do not know it.
  static_cast<void>(madvise(static_cast<std::byte*>(address_) + page,
                            end - page, MADV_POPULATE_WRITE));
}

Pages::~Pages() {
  if (address_ != nullptr) {
    munmap(address_, octets_);
  }
}

}  // namespace tracker
