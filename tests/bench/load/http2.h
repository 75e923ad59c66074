/* As much of HTTP/2 and HPACK (RFC 9113, RFC 7541) as a gRPC client needs that sends one and the same header over and
 * over. */
#ifndef HTTP2_H
#define HTTP2_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DATA = 0, HEADERS = 1, RST_STREAM = 3, SETTINGS = 4, PING = 6, GOAWAY = 7, WINDOW_UPDATE = 8, CONTINUATION = 9 };
enum { ACK = 1, END_STREAM = 1, END_HEADERS = 4, PADDED = 8, PRIORITY = 32 };
enum { SET_PUSH = 2, SET_STREAMS = 3, SET_WINDOW = 4 };
enum { FRAME_HEAD = 9, FRAME_MOST = 16384, WINDOW_AT_FIRST = 65535, WINDOW_MOST = 0x7fffffff };
enum { NO_STATUS = -1, STATUS_INTERNAL = 13, STATUS_UNAVAILABLE = 14 };

static inline void fail(const char *format, ...) {
  va_list values;
  va_start(values, format);
  vfprintf(stderr, format, values);
  va_end(values);
  fputc('\n', stderr);
  exit(1);
}

/* Bytes that are appended at the end and taken from the beginning. */
struct buffer {
  unsigned char *bytes;
  size_t taken, end, room;
};

static inline unsigned char *extend(struct buffer *buffer, size_t size) {
  if (buffer->taken == buffer->end) buffer->taken = buffer->end = 0;
  while (buffer->end + size > buffer->room) {
    buffer->room = buffer->room ? 2 * buffer->room : 65536;
    buffer->bytes = realloc(buffer->bytes, buffer->room);
    if (!buffer->bytes) fail("out of memory");
  }
  buffer->end += size;
  return buffer->bytes + buffer->end - size;
}

static inline void append(struct buffer *buffer, const void *bytes, size_t size) {
  memcpy(extend(buffer, size), bytes, size);
}

static inline uint32_t read32(const unsigned char *at) {
  return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static inline void write32(unsigned char *at, uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) *at++ = (unsigned char)(value >> shift);
}

/* Appends a frame without its payload, of which `size` bytes must follow. */
static inline void append_head(struct buffer *out, uint32_t size, int type, int flags, uint32_t stream) {
  unsigned char *head = extend(out, FRAME_HEAD);
  write32(head, size << 8 | (uint32_t)type);
  head[4] = (unsigned char)flags;
  write32(head + 5, stream);
}

static inline void append_window_update(struct buffer *out, uint32_t stream, uint32_t more) {
  append_head(out, 4, WINDOW_UPDATE, 0, stream);
  write32(extend(out, 4), more);
}

/* Begins a connection: no pushes, and room for answers of any size. */
static inline void append_preface(struct buffer *out) {
  static const unsigned char settings[] = {0, SET_PUSH, 0, 0, 0, 0, 0, SET_WINDOW, 0x7f, 0xff, 0xff, 0xff};
  append(out, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 24);
  append_head(out, sizeof settings, SETTINGS, 0, 0);
  append(out, settings, sizeof settings);
  append_window_update(out, 0, WINDOW_MOST - WINDOW_AT_FIRST);
}

static inline void append_text(struct buffer *out, const char *text) {
  size_t size = strlen(text), rest = size - 127;
  *extend(out, 1) = (unsigned char)(size < 127 ? size : 127);
  for (; size >= 127 && rest > 127; rest >>= 7) *extend(out, 1) = (unsigned char)(rest & 127 | 128);
  if (size >= 127) *extend(out, 1) = (unsigned char)rest;
  append(out, text, size);
}

/* Appends a request's headers. As gRPC's own clients do, the first of a connection puts them into the server's table,
 * and all later ones name their places there. */
static inline void append_request_head(struct buffer *out, uint32_t stream, bool first, const char *host,
                                       const char *path, const char *authorization) {
  /* POST, http, the five below; and the one that not every run has. */
  static const unsigned char known[] = {0x83, 0x86, 0xc3, 0xc2, 0xc1, 0xc0, 0xbf, 0xbe};
  static const unsigned char without[] = {0x83, 0x86, 0xc2, 0xc1, 0xc0, 0xbf, 0xbe};
  if (!first) {
    uint32_t size = *authorization ? sizeof known : sizeof without;
    append_head(out, size, HEADERS, END_HEADERS, stream);
    append(out, *authorization ? known : without, size);
    return;
  }
  struct buffer block = {0};
  append(&block, "\x83\x86\x44", 3);
  append_text(&block, path);
  append(&block, "\x41", 1);
  append_text(&block, host);
  append(&block, "\x40", 1);
  append_text(&block, "te");
  append_text(&block, "trailers");
  append(&block, "\x5f", 1);
  append_text(&block, "application/grpc");
  append(&block, "\x7a", 1);
  append_text(&block, "evenhand-bench");
  if (*authorization) {
    append(&block, "\x57", 1);
    append_text(&block, authorization);
  }
  append_head(out, (uint32_t)block.end, HEADERS, END_HEADERS, stream);
  append(out, block.bytes, block.end);
  free(block.bytes);
}

/* The newest headers that a server put into the table of its answers, as far as they matter: whether it is grpc-status,
 * and which. The table has 4096 bytes, of which each takes 32 or more; so older ones than these are no longer in it. */
struct table {
  struct header { bool is_status; int status; } headers[128];
  uint32_t added;
};

/* Reads an HPACK integer whose first byte has `bits` bits for it. */
static inline uint32_t read_integer(const unsigned char **at, const unsigned char *end, int bits) {
  if (*at >= end) fail("an answer's header is cut off");
  uint32_t most = (1u << bits) - 1, value = *(*at)++ & most;
  if (value < most) return value;
  for (int shift = 0; *at < end && shift < 28; shift += 7) {
    unsigned char byte = *(*at)++;
    value += (uint32_t)(byte & 127) << shift;
    if (byte < 128) return value;
  }
  fail("an answer's header cannot be read");
  return 0;
}

/* Returns where a text is, and its size. gRPC's servers use Huffman codes for binary headers only, which do not matter:
 * `plain` says that this one does. */
static inline const char *read_text(const unsigned char **at, const unsigned char *end, uint32_t *size, bool plain) {
  bool coded = *at < end && **at & 128;
  *size = read_integer(at, end, 7);
  const char *text = (const char *)*at;
  if (*size > (size_t)(end - *at)) fail("an answer's header is cut off");
  if (coded && plain) fail("an answer's header is Huffman-coded");
  *at += *size;
  return text;
}

static inline struct header known_header(const struct table *table, uint32_t index) {
  enum { STATIC = 61 };
  if (index <= STATIC) return (struct header){false, 0}; /* the static table has no grpc-status */
  return table->headers[(table->added - (index - STATIC)) % 128];
}

/* Returns the grpc-status in a header block; NO_STATUS if there is none. */
static inline int read_status(struct table *table, const unsigned char *at, const unsigned char *end) {
  int status = NO_STATUS;
  while (at < end) {
    unsigned char kind = *at;
    struct header header = {false, 0};
    if ((kind & 0xe0) == 0x20) { /* a new size of the table */
      read_integer(&at, end, 5);
      continue;
    }
    if (kind & 0x80) {
      header = known_header(table, read_integer(&at, end, 7));
    } else {
      uint32_t size, name = read_integer(&at, end, kind & 0x40 ? 6 : 4);
      if (name) {
        header = known_header(table, name);
      } else {
        const char *text = read_text(&at, end, &size, true);
        header.is_status = size == 11 && !memcmp(text, "grpc-status", 11);
      }
      const char *text = read_text(&at, end, &size, header.is_status);
      header.status = 0;
      for (uint32_t digit = 0; header.is_status && digit < size; digit++)
        header.status = 10 * header.status + text[digit] - '0';
      if (kind & 0x40) table->headers[table->added++ % 128] = header;
    }
    if (header.is_status) status = header.status;
  }
  return status;
}

#endif
