// SPDX-License-Identifier: Apache-2.0
#include "tests/support/certificates.h"

#include <cstdio>
#include <stdexcept>
#include <utility>

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

namespace test_support {
namespace {

void Check(bool done, const char* what) {
  if (!done) {
    throw std::runtime_error(std::string("OpenSSL: ") + what);
  }
}

void AddExtension(X509* certificate, int kind, const std::string& value) {
  X509_EXTENSION* const extension =
      X509V3_EXT_conf_nid(nullptr, nullptr, kind, value.c_str());
  Check(extension != nullptr, value.c_str());
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

}  // namespace

CertificateAuthority::CertificateAuthority(std::filesystem::path directory,
                                           const std::string& name)
    : directory_(std::move(directory)), key_(EVP_EC_gen("P-256")) {
  Check(key_ != nullptr, "no key");
  certificate_ = Sign(key_.get(), {.name = name, .alternatives = ""});
  Write(name, certificate_.get(), key_.get(), "");
}

void CertificateAuthority::Make(const std::string& name, const Subject& subject,
                                const std::string& passphrase) {
  const Key key(EVP_EC_gen("P-256"));
  Check(key != nullptr, "no key");
  Write(name, Sign(key.get(), subject).get(), key.get(), passphrase);
}

// Its own, when there is none yet.
CertificateAuthority::Certificate CertificateAuthority::Sign(
    EVP_PKEY* key, const Subject& subject) {
  Certificate certificate(X509_new());
  X509* const made = certificate.get();
  X509_set_version(made, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(made), ++serial_);
  X509_gmtime_adj(X509_getm_notBefore(made), subject.begins);
  X509_gmtime_adj(X509_getm_notAfter(made), subject.ends);
  X509_set_pubkey(made, key);
  X509_NAME_add_entry_by_txt(
      X509_get_subject_name(made), "CN", MBSTRING_ASC,
      reinterpret_cast<const unsigned char*>(subject.name.c_str()), -1, -1, 0);
  const bool is_ca = certificate_ == nullptr;
  X509_set_issuer_name(
      made, X509_get_subject_name(is_ca ? made : certificate_.get()));
  AddExtension(made, NID_basic_constraints, is_ca ? "CA:TRUE" : "CA:FALSE");
  if (!subject.alternatives.empty()) {
    AddExtension(made, NID_subject_alt_name, subject.alternatives);
  }
  Check(X509_sign(made, key_.get(), EVP_sha256()) > 0, "cannot sign");
  return certificate;
}

void CertificateAuthority::Write(const std::string& name, X509* certificate,
                                 EVP_PKEY* key,
                                 const std::string& passphrase) const {
  const auto close = [](std::FILE* file) { std::fclose(file); };
  using File = std::unique_ptr<std::FILE, decltype(close)>;
  const File pem(std::fopen(Path(name + ".pem").c_str(), "w"), close);
  const File secret(std::fopen(Path(name + ".key").c_str(), "w"), close);
  Check(pem != nullptr && secret != nullptr, "cannot write");
  Check(PEM_write_X509(pem.get(), certificate) == 1, "cannot write");
  Check(PEM_write_PKCS8PrivateKey(
            secret.get(), key, passphrase.empty() ? nullptr : EVP_aes_128_cbc(),
            passphrase.data(), static_cast<int>(passphrase.size()), nullptr,
            nullptr) == 1,
        "cannot write");
}

}  // namespace test_support
