#pragma once
#include <gmime/gmime.h>
#include <stdbool.h>

// GObject's casts are C macros, which Swift cannot call. Each cast here checks the run-time type and
// answers NULL for another one, so that a wrong cast is an ordinary nil in Swift.

static inline GMimeMultipart *cgmime_as_multipart(GMimeObject *object) {
    return GMIME_IS_MULTIPART(object) ? (GMimeMultipart *)object : NULL;
}

static inline GMimeMessagePart *cgmime_as_message_part(GMimeObject *object) {
    return GMIME_IS_MESSAGE_PART(object) ? (GMimeMessagePart *)object : NULL;
}

static inline GMimePart *cgmime_as_part(GMimeObject *object) {
    return GMIME_IS_PART(object) ? (GMimePart *)object : NULL;
}

static inline GMimeObject *cgmime_message_as_object(GMimeMessage *message) {
    return (GMimeObject *)message;
}

static inline InternetAddressMailbox *cgmime_as_mailbox(InternetAddress *address) {
    return INTERNET_ADDRESS_IS_MAILBOX(address) ? (InternetAddressMailbox *)address : NULL;
}

static inline InternetAddressGroup *cgmime_as_group(InternetAddress *address) {
    return INTERNET_ADDRESS_IS_GROUP(address) ? (InternetAddressGroup *)address : NULL;
}

// The bytes that a memory stream holds; they live as long as the stream.
static inline const guint8 *cgmime_memory_bytes(GMimeStream *stream, gsize *count) {
    GByteArray *array = GMIME_IS_STREAM_MEM(stream)
        ? g_mime_stream_mem_get_byte_array((GMimeStreamMem *)stream)
        : NULL;
    *count = array == NULL ? 0 : array->len;
    return array == NULL ? NULL : array->data;
}

// Swift sees the objects as pointers of different types: one door for all of them.
static inline void cgmime_unref(gpointer object) {
    if (object != NULL) g_object_unref(object);
}

// iconv_open answers (iconv_t)-1, not NULL, where it fails.
static inline bool cgmime_iconv_is_open(GIConv converter) {
    return converter != (GIConv)-1;
}
