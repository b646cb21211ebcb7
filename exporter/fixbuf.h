// SPDX-License-Identifier: Apache-2.0
// Owners for libfixbuf's handles. Private to the IPFIX encoder
// and to the reader of IPFIX files.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>

#include <fixbuf/public.h>

namespace exporter::fixbuf {

struct FreeModel {
  void operator()(fbInfoModel_t* model) const { fbInfoModelFree(model); }
};
// Frees the session and the exporter that it was made of, too.
struct FreeBuffer {
  void operator()(fBuf_t* buffer) const { fBufFree(buffer); }
};

using Model = std::unique_ptr<fbInfoModel_t, FreeModel>;
using Buffer = std::unique_ptr<fBuf_t, FreeBuffer>;

// A GError that is cleared before it is used again.
class Error {
 public:
  Error() = default;
  Error(const Error&) = delete;
  Error& operator=(const Error&) = delete;
  ~Error() { g_clear_error(&error_); }

  GError** Out() {
    g_clear_error(&error_);
    return &error_;
  }
  // The message under construction is full, or of another kind.
  [[nodiscard]] bool IsEndOfMessage() const {
    return g_error_matches(error_, FB_ERROR_DOMAIN, FB_ERROR_EOM) != 0;
  }
  // Why the last call failed.
  [[nodiscard]] std::string Message() const {
    return error_ != nullptr ? error_->message : "no message";
  }
  // libfixbuf refuses what we alone decide: a bug of ours.
  [[noreturn]] void Die(const char* doing) const {
    std::fprintf(stderr, "spanfix: internal error: libfixbuf, %s: %s\n", doing,
                 Message().c_str());
    std::abort();
  }

 private:
  GError* error_ = nullptr;
};

}  // namespace exporter::fixbuf
