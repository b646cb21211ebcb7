// SPDX-License-Identifier: Apache-2.0
#include "exporter/listen_address.h"

#include <gtest/gtest.h>

#include "exporter/setup_error.h"

namespace exporter {
namespace {

TEST(ListenAddress, IsOnLoopbackUnlessItIsToldOtherwise) {
  for (const char* text : {"9995", "127.0.0.1:9995", "127.3.2.1:1",
                           "[::1]:9995", "localhost:9995"}) {
    EXPECT_TRUE(ParseListenAddress(text).loopback) << text;
  }
  for (const char* text : {"0.0.0.0:9995", "[::]:9995", "192.0.2.1:80"}) {
    EXPECT_FALSE(ParseListenAddress(text).loopback) << text;
  }
}

TEST(ListenAddress, RefusesWhatIsNone) {
  for (const char* text :
       {"", ":", "127.0.0.1", "127.0.0.1:0", "127.0.0.1:65536", "::1:99",
        "[::1]", "[127.0.0.1]:99", "[]:99", "eth1:99", ":99", "1.2.3.4:99x"}) {
    EXPECT_THROW(ParseListenAddress(text), SetupError) << text;
  }
}

}  // namespace
}  // namespace exporter
