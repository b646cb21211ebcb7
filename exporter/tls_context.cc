// SPDX-License-Identifier: Apache-2.0
#include "exporter/tls_context.h"

#include <unistd.h>

#include <array>
#include <ctime>
#include <new>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "exporter/last_error.h"
#include "exporter/setup_error.h"
#include "exporter/tls_error.h"

namespace exporter {
namespace {

// One parameter of the URL that names a file.
class FileParameter {
 public:
  FileParameter(const CollectorUrl& url, const std::string& name,
                const std::string& path)
      : where_("collector '" + url.text + "': " + name + ": "), path_(path) {
    if (access(path.c_str(), R_OK) != 0) {
      Refuse("cannot read ", ": " + LastError().message() +
                                 "; give a file that spanfix may read");
    }
  }
  [[nodiscard]] const char* Path() const { return path_.c_str(); }
  // Names the file between the two.
  [[noreturn]] void Refuse(const std::string& before,
                           const std::string& behind) const {
    throw SetupError(where_ + before + "'" + path_ + "'" + behind);
  }

 private:
  std::string where_;
  std::string path_;
};

std::string Day(const ASN1_TIME* time) {
  std::tm parts{};
  std::array<char, 32> text{};
  ASN1_TIME_to_tm(time, &parts);
  return {text.data(),
          std::strftime(text.data(), text.size(), "%Y-%m-%d", &parts)};
}

void Trust(SSL_CTX* context, const CollectorUrl& url) {
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  if (url.tls.ca.empty()) {
    if (SSL_CTX_set_default_verify_paths(context) != 1) {
      throw SetupError("collector '" + url.text +
                       "': ca: this host has no list of trusted CAs (" +
                       TakeTlsError().message() + "); name one");
    }
    return;
  }
  const FileParameter ca(url, "ca", url.tls.ca);
  if (SSL_CTX_load_verify_file(context, ca.Path()) != 1) {
    ERR_clear_error();
    ca.Refuse("there is no certificate in ",
              "; give the CA's certificate, or several, in PEM");
  }
  // Who names an intermediate CA, or the collector's certificate itself, trusts
  // that, with or without what is above.
  X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(context),
                              X509_V_FLAG_PARTIAL_CHAIN);
}

void CheckDates(const FileParameter& cert, const X509* certificate) {
  const ASN1_TIME* const begin = X509_get0_notBefore(certificate);
  const ASN1_TIME* const end = X509_get0_notAfter(certificate);
  if (X509_cmp_current_time(end) < 0) {
    cert.Refuse("the certificate in ",
                " expired on " + Day(end) + "; renew it");
  }
  if (X509_cmp_current_time(begin) > 0) {
    cert.Refuse("the certificate in ", " is not valid before " + Day(begin) +
                                           "; is this host's clock right?");
  }
}

// OpenSSL would ask for it on the terminal.
int RefusePassphrase(char* /*buffer*/, int /*size*/, int /*writing*/,
                     void* wanted) {
  *static_cast<bool*>(wanted) = true;
  return -1;
}

void LoadKey(SSL_CTX* context, const CollectorUrl& url) {
  const FileParameter key(url, "key", url.tls.key);
  bool passphrase_wanted = false;
  SSL_CTX_set_default_passwd_cb(context, RefusePassphrase);
  SSL_CTX_set_default_passwd_cb_userdata(context, &passphrase_wanted);
  const bool loaded =
      SSL_CTX_use_PrivateKey_file(context, key.Path(), SSL_FILETYPE_PEM) == 1;
  SSL_CTX_set_default_passwd_cb_userdata(context, nullptr);
  if (passphrase_wanted) {
    key.Refuse("",
               " has a passphrase, which a service cannot ask for; take "
               "it off with `openssl pkey` and keep others from reading "
               "the file");
  }
  const bool of_other = ERR_GET_LIB(ERR_peek_last_error()) == ERR_LIB_X509 ||
                        (loaded && SSL_CTX_check_private_key(context) != 1);
  ERR_clear_error();
  if (of_other) {
    key.Refuse("", " is not the key of the certificate in '" +
                       url.tls.certificate + "'; give the one made with it");
  }
  if (!loaded) {
    key.Refuse("there is no private key in ", "; give one in PEM");
  }
}

void Identify(SSL_CTX* context, const CollectorUrl& url) {
  if (url.tls.certificate.empty()) {
    return;
  }
  const FileParameter cert(url, "cert", url.tls.certificate);
  if (SSL_CTX_use_certificate_chain_file(context, cert.Path()) != 1) {
    const std::string why = TakeTlsError().message();
    cert.Refuse("cannot use the certificate in ",
                " (" + why +
                    "); give one in PEM, any intermediate CAs "
                    "behind it");
  }
  CheckDates(cert, SSL_CTX_get0_certificate(context));
  LoadKey(context, url);
}

}  // namespace

void TlsContext::Free::operator()(ssl_ctx_st* context) const {
  SSL_CTX_free(context);
}

TlsContext::TlsContext(const CollectorUrl& url)
    : context_(SSL_CTX_new(TLS_client_method())),
      name_(url.tls.name.empty() ? url.host : url.tls.name) {
  SSL_CTX* const context = context_.get();
  if (context == nullptr) {
    throw std::bad_alloc();
  }
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION);
  Trust(context, url);
  Identify(context, url);
}

std::unique_ptr<TlsSession> TlsContext::NewSession() const {
  return std::make_unique<TlsSession>(context_.get(), name_);
}

}  // namespace exporter
