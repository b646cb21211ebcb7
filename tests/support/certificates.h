// SPDX-License-Identifier: Apache-2.0
// Keys and certificates of the tests' own, as files in PEM.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include <openssl/evp.h>
#include <openssl/x509.h>

namespace test_support {

// A CA that signs what it is asked to.
class CertificateAuthority {
 public:
  struct Subject {
    std::string name = "collector";                           // the common name
    std::string alternatives = "DNS:localhost,IP:127.0.0.1";  // or empty
    long begins = -3600;  // in so many seconds
    long ends = 3600;
  };

  // Its certificate is in `directory`/NAME.pem, as those that it makes are.
  CertificateAuthority(std::filesystem::path directory,
                       const std::string& name);

  // NAME.pem and NAME.key; the key has a passphrase unless that is empty.
  void Make(const std::string& name, const Subject& subject,
            const std::string& passphrase = {});
  [[nodiscard]] std::string Path(const std::string& file) const {
    return directory_ / file;
  }

 private:
  struct Free {
    void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
    void operator()(X509* certificate) const { X509_free(certificate); }
  };
  using Key = std::unique_ptr<EVP_PKEY, Free>;
  using Certificate = std::unique_ptr<X509, Free>;

  Certificate Sign(EVP_PKEY* key, const Subject& subject);
  void Write(const std::string& name, X509* certificate, EVP_PKEY* key,
             const std::string& passphrase) const;

  std::filesystem::path directory_;
  Key key_;
  Certificate certificate_;
  long serial_ = 0;
};

}  // namespace test_support
