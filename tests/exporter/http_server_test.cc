// SPDX-License-Identifier: Apache-2.0
#include "exporter/http_server.h"

#include <gtest/gtest.h>

namespace exporter {
namespace {

TEST(HttpServer, KnowsWhichNamesAreOfLoopback) {
  for (const char* name : {"localhost", "localhost:9995", "127.0.0.1",
                           "127.0.0.1:80", "[::1]", "[::1]:9995"}) {
    EXPECT_TRUE(IsLoopbackName(name)) << name;
  }
  for (const char* name :
       {"", "example.org", "localhost.example.org", "127.0.0.1.example.org:80",
        "192.0.2.1", "[::1].example.org", "[::2]", "[::10]:80"}) {
    EXPECT_FALSE(IsLoopbackName(name)) << name;
  }
}

}  // namespace
}  // namespace exporter
