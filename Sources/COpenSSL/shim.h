#pragma once
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

// Swift can't call function-like macros; each of these is one macro with its types written out.

static inline int shim_SSL_CTX_tls13_only(SSL_CTX *context) {
    return SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) == 1
        && SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION) == 1;
}

static inline void shim_SSL_CTX_release_buffers(SSL_CTX *context) {
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
}

static inline int shim_SSL_CTX_add1_chain_cert(SSL_CTX *context, X509 *certificate) {
    return (int)SSL_CTX_add1_chain_cert(context, certificate);
}

static inline int shim_SSL_set_server_name(SSL *ssl, const char *name) {
    return (int)SSL_set_tlsext_host_name(ssl, name);
}

static inline long shim_BIO_memory(BIO *bio, char **start) { return BIO_get_mem_data(bio, start); }

static inline int shim_BIO_clear(BIO *bio) { return (int)BIO_reset(bio); }

/// An empty memory BIO says "retry", not "end of file".
static inline void shim_BIO_retry_when_empty(BIO *bio) { BIO_set_mem_eof_return(bio, -1); }

static inline EVP_PKEY *shim_EVP_P256_key(void) { return EVP_EC_gen("P-256"); }

static inline int shim_ERR_reason(unsigned long code) { return ERR_GET_REASON(code); }

static inline STACK_OF(GENERAL_NAME) *shim_X509_alternative_names(const X509 *certificate) {
    return (STACK_OF(GENERAL_NAME) *)X509_get_ext_d2i(
        certificate, NID_subject_alt_name, NULL, NULL);
}

static inline int shim_names_count(const STACK_OF(GENERAL_NAME) *names) {
    return sk_GENERAL_NAME_num(names);
}

/// The kind (GEN_DNS, GEN_URI, GEN_IPADD) of one name, and its bytes; any other kind gives -1.
static inline int shim_names_get(const STACK_OF(GENERAL_NAME) *names, int index,
                                 const unsigned char **bytes, int *length) {
    const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, index);
    const ASN1_STRING *text = NULL;
    switch (name->type) {
    case GEN_DNS: text = name->d.dNSName; break;
    case GEN_URI: text = name->d.uniformResourceIdentifier; break;
    case GEN_IPADD: text = name->d.iPAddress; break;
    default: return -1;
    }
    *bytes = ASN1_STRING_get0_data(text);
    *length = ASN1_STRING_length(text);
    return name->type;
}

static inline void shim_names_free(STACK_OF(GENERAL_NAME) *names) { GENERAL_NAMES_free(names); }

/// Adds one subject alternative name to a stack that the caller owns; 1 if it worked.
static inline int shim_names_add(STACK_OF(GENERAL_NAME) *names, int kind,
                                 const unsigned char *bytes, int length) {
    GENERAL_NAME *name = GENERAL_NAME_new();
    ASN1_STRING *text =
        kind == GEN_IPADD ? ASN1_OCTET_STRING_new() : (ASN1_STRING *)ASN1_IA5STRING_new();
    if (name == NULL || text == NULL || ASN1_STRING_set(text, bytes, length) != 1) {
        GENERAL_NAME_free(name);
        ASN1_STRING_free(text);
        return 0;
    }
    GENERAL_NAME_set0_value(name, kind, text);
    if (sk_GENERAL_NAME_push(names, name) <= 0) {
        GENERAL_NAME_free(name);
        return 0;
    }
    return 1;
}

static inline STACK_OF(GENERAL_NAME) *shim_names_new(void) { return sk_GENERAL_NAME_new_null(); }

static inline int shim_X509_add_names(X509 *certificate, STACK_OF(GENERAL_NAME) *names) {
    return X509_add1_ext_i2d(certificate, NID_subject_alt_name, names, 0, X509V3_ADD_DEFAULT);
}
