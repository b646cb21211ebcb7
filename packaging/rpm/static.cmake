# SPDX-License-Identifier: Apache-2.0
# How the program of the .rpm is linked: given to cmake as CMAKE_PROJECT_INCLUDE,
# which runs it after project(), before any library is looked for.

# Shared, found first: what RHEL 9 and Fedora have under the soname and the
# symbol versions of Debian 12, so that their updates reach us. What is here
# must be in `requires`, too.
find_package(OpenSSL)
find_package(ZLIB)
find_package(PkgConfig)
pkg_check_modules(MICROHTTPD IMPORTED_TARGET libmicrohttpd)
pkg_check_modules(RDKAFKA IMPORTED_TARGET rdkafka)

# Linked in: all others of which there is an archive.
set(CMAKE_FIND_LIBRARY_SUFFIXES .a .so)
set(Boost_USE_STATIC_LIBS ON)
set(Protobuf_USE_STATIC_LIBS ON)
add_link_options(-static-libstdc++ -Wl,-Map=${CMAKE_BINARY_DIR}/link.map)

# What archives need that nobody names to a program which is not all static:
# PCRE2 for GLib; D-Bus for libpcap, of the shared ones.
string(APPEND CMAKE_CXX_STANDARD_LIBRARIES
       " -Wl,-Bstatic -lpcre2-8 -Wl,-Bdynamic -ldbus-1")

# Debian's libstdc++.a wants a function of glibc 2.36; RHEL 9 has 2.34. It is
# asked for behind everything that could bring ours along: hence --undefined.
add_library(glibc_2_36 STATIC ${CMAKE_CURRENT_LIST_DIR}/arc4random.cc)
link_libraries(glibc_2_36 -Wl,--undefined=arc4random)
