# SPDX-License-Identifier: Apache-2.0
# Fails when a source file includes something that its directory may not know.
#
# usage: cmake -DROOT=<source tree> -P layering.cmake
cmake_minimum_required(VERSION 3.25)

# sources_of(<variable> <directory>)
function(sources_of variable directory)
  file(GLOB sources ${ROOT}/${directory}/*.h ${ROOT}/${directory}/*.cc)
  if(NOT sources)
    message(SEND_ERROR "${directory}/ has no sources: is ROOT right?")
  endif()
  set(${variable} ${sources} PARENT_SCOPE)
endfunction()

# includes_of(<variable> <source>): what the file includes, with its quotes or
# brackets.
function(includes_of variable source)
  file(STRINGS ${source} lines REGEX "^[ \t]*#[ \t]*include")
  set(includes "")
  foreach(line IN LISTS lines)
    string(REGEX REPLACE "^[ \t]*#[ \t]*include[ \t]*" "" include "${line}")
    list(APPEND includes "${include}")
  endforeach()
  set(${variable} ${includes} PARENT_SCOPE)
endfunction()

# only_std(<directory> [<file>:<include>...]): its own headers and the standard
# library, nothing else but what is granted to one file. A header of the standard
# library has neither a slash nor a suffix.
function(only_std directory)
  sources_of(sources ${directory})
  foreach(source IN LISTS sources)
    cmake_path(GET source FILENAME name)
    includes_of(includes ${source})
    foreach(include IN LISTS includes)
      if("${name}:${include}" IN_LIST ARGN)
        continue()
      endif()
      if(NOT include MATCHES "^(\"${directory}/[^\"]+\"|<[a-z_0-9]+>)")
        message(SEND_ERROR "${directory}/${name} may not include ${include}")
      endif()
    endforeach()
  endforeach()
endfunction()

# only_in(<directory> <regex> [files...]): what matches belongs to those files.
function(only_in directory regex)
  sources_of(sources ${directory})
  foreach(source IN LISTS sources)
    cmake_path(GET source FILENAME name)
    if(name IN_LIST ARGN)
      continue()
    endif()
    includes_of(includes ${source})
    foreach(include IN LISTS includes)
      if(include MATCHES "${regex}")
        message(SEND_ERROR "${directory}/${name} may not include ${include}")
      endif()
    endforeach()
  endforeach()
endfunction()

# The two libraries stand alone and do not know each other.
only_std(tracker "pages.cc:<sys/mman.h>" "flow_index.h:<emmintrin.h>")
only_std(templates)

# Each outside library is known to one place.
only_in(exporter "^<pcap" pcap.h)
only_in(exporter "^\"exporter/pcap\\.h\"" pcap.cc bpf_filter.h capture_file.cc packet_socket.h)
only_in(exporter "^\"exporter/packet_socket\\.h\"" packet_socket.cc live_interface.h source_live.cc)
only_in(exporter "^<boost" command_line.cc given_options.cc given_options.h option_list.cc option_list.h)
only_in(exporter "^<fixbuf" fixbuf.h)
only_in(exporter "^\"exporter/fixbuf" fixbuf_domain.h fixbuf_domain.cc ipfix_encoder.cc ipfix_file.cc)
only_in(exporter "^<zlib" capture_stream.cc)
only_in(exporter "^<openssl" sha1_blocks.cc tls_context.cc tls_error.cc tls_session.cc)
only_in(exporter "^<microhttpd" http_server.cc)
only_in(exporter "^<nlohmann" log.cc status_json.cc)
only_in(exporter "^<librdkafka" kafka_producer.cc)
only_in(exporter "^(<google/protobuf|\"templates/flow\\.pb)" flow_message.cc)
only_in(exporter "^<[a-z]+intrin\\.h" base64_letters.cc octet_moves.cc)

# Nothing that ships knows the tests.
only_in(exporter "^\"tests/")
