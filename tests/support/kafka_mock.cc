// SPDX-License-Identifier: Apache-2.0
// A cluster for the end-to-end tests, and a consumer of their topic.
//
// usage: kafka_mock serve PARTITIONS    prints HOST:PORT,...; then a command on
//                                       each line of the standard input:
//                                       away, back, leader PARTITION BROKER
//        kafka_mock consume BROKERS     the topic to the standard output, for
//                                       each message: PARTITION KEY VALUE, the
//                                       two last in hexadecimal
#include <cstdio>
#include <exception>
#include <iostream>
#include <sstream>
#include <string>

#include "tests/support/kafka_cluster.h"

namespace {

std::string Hexadecimal(const std::string& octets) {
  constexpr const char* kDigits = "0123456789abcdef";
  std::string text;
  for (const char octet : octets) {
    text += kDigits[static_cast<unsigned char>(octet) >> 4];
    text += kDigits[static_cast<unsigned char>(octet) & 15];
  }
  return text;
}

int Serve(int partitions) {
  test_support::KafkaCluster cluster(partitions);
  std::cout << cluster.Brokers() << std::endl;
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    std::string command;
    words >> command;
    if (command == "away") {
      cluster.GoAway();
    } else if (command == "back") {
      cluster.ComeBack();
    } else if (command == "leader") {
      int partition = 0;
      int broker = 0;
      words >> partition >> broker;
      cluster.LeadBy(partition, broker);
    } else {
      std::cerr << "kafka_mock: no command '" << line << "'\n";
      return 2;
    }
    std::cout << "done" << std::endl;
  }
  return 0;
}

int Consume(const std::string& brokers) {
  test_support::ConsumeAll(
      brokers, [](const test_support::KafkaMessage& message) {
        std::cout << message.partition << ' ' << Hexadecimal(message.key) << ' '
                  << Hexadecimal(message.value) << '\n';
      });
  std::cout.flush();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const std::string what = argc == 3 ? argv[1] : "";
    if (what == "serve") {
      return Serve(std::stoi(argv[2]));
    }
    if (what == "consume") {
      return Consume(argv[2]);
    }
    std::fputs("usage: kafka_mock serve PARTITIONS | consume BROKERS\n",
               stderr);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "kafka_mock: %s\n", error.what());
  }
  return 2;
}
