/* A connection to the server that is measured, and the calls under way on it. */
#ifndef CONNECTION_H
#define CONNECTION_H

#include "http2.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <time.h>

enum { SLOTS = 65536, RECEIVED_AT_ONCE = 262144 };

struct stream {
  uint32_t id; /* 0: free */
  uint32_t request;
  int64_t due, window;
  size_t sent;
  int status;
  struct buffer answer;
};

struct connection {
  int fd;
  bool ready, closing;
  uint32_t next_id, limit, busy, unsent, freed;
  int64_t window, window_of_new, received;
  struct buffer in, out;
  struct table table;
  struct stream *streams;
  uint32_t slots[SLOTS]; /* where the stream of an id is; ids of streams under way are less than 2 * SLOTS apart */
};

static const char *host, *method, *authorization;
static uint32_t port, streams;
static const unsigned char **bodies; /* of the requests: after their sizes */
static struct buffer answers;
static struct { uint32_t request; int64_t due; } *again; /* what a server that goes away did not look at */
static uint32_t agains, finished;

static int64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static size_t body_size(uint32_t request) {
  uint32_t size;
  memcpy(&size, bodies[request] - 4, 4);
  return size;
}

static void open_connection(struct connection *c) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  int yes = 1;
  if (inet_pton(AF_INET, host, &address.sin_addr) != 1) fail("not an address: %s", host);
  c->fd = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(c->fd, (struct sockaddr *)&address, sizeof address)) fail("cannot connect: %s", strerror(errno));
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  fcntl(c->fd, F_SETFL, O_NONBLOCK);
  c->ready = c->closing = false;
  c->in.taken = c->in.end = c->out.taken = c->out.end = 0;
  c->next_id = 1;
  c->limit = streams;
  c->window = c->window_of_new = WINDOW_AT_FIRST;
  c->received = 0;
  c->table.added = 0;
  append_preface(&c->out);
}

/* Sends as much of a request as the server has room for. */
static void send_body(struct connection *c, struct stream *s) {
  size_t size = body_size(s->request);
  while (s->sent < size && c->window > 0 && s->window > 0) {
    int64_t part = (int64_t)(size - s->sent);
    if (part > FRAME_MOST) part = FRAME_MOST;
    if (part > c->window) part = c->window;
    if (part > s->window) part = s->window;
    append_head(&c->out, (uint32_t)part, DATA, s->sent + (size_t)part == size ? END_STREAM : 0, s->id);
    append(&c->out, bodies[s->request] + s->sent, (size_t)part);
    s->sent += (size_t)part;
    s->window -= part;
    c->window -= part;
    if (s->sent == size) c->unsent--;
  }
}

static void send_bodies(struct connection *c) {
  for (uint32_t at = 0; at < streams && c->unsent; at++)
    if (c->streams[at].id && c->streams[at].sent < body_size(c->streams[at].request)) send_body(c, &c->streams[at]);
}

static bool has_room(const struct connection *c) {
  return c->ready && !c->closing && c->busy < c->limit && c->busy < streams;
}

static void start(struct connection *c, uint32_t request, int64_t due) {
  uint32_t at = c->freed;
  while (c->streams[at].id) at = (at + 1) % streams;
  struct stream *s = &c->streams[at];
  append_request_head(&c->out, c->next_id, c->next_id == 1, host, method, authorization);
  s->id = c->next_id;
  s->request = request;
  s->due = due;
  s->sent = 0;
  s->window = c->window_of_new;
  s->status = NO_STATUS;
  s->answer.taken = s->answer.end = 0;
  c->slots[s->id / 2 % SLOTS] = at;
  c->next_id += 2;
  c->busy++;
  c->unsent++;
  send_body(c, s);
}

static void release(struct connection *c, struct stream *s) {
  if (s->sent < body_size(s->request)) c->unsent--;
  s->id = 0;
  c->freed = (uint32_t)(s - c->streams);
  c->busy--;
}

static void finish(struct connection *c, struct stream *s, int status) {
  uint32_t record[] = {s->request, (uint32_t)status, (uint32_t)((now() - s->due) / 1000), (uint32_t)s->answer.end};
  append(&answers, record, sizeof record);
  append(&answers, s->answer.bytes, s->answer.end);
  release(c, s);
  finished++;
}

/* The server takes no new streams on this connection, and has not looked at those after `last`. */
static void go_away(struct connection *c, uint32_t last) {
  c->closing = true;
  for (uint32_t at = 0; at < streams; at++) {
    struct stream *s = &c->streams[at];
    if (s->id <= last) continue;
    again[agains].request = s->request;
    again[agains++].due = s->due;
    release(c, s);
  }
}

static void take_settings(struct connection *c, const unsigned char *at, const unsigned char *end) {
  for (; at + 6 <= end; at += 6) {
    uint32_t name = (uint32_t)at[0] << 8 | at[1], value = read32(at + 2);
    if (name == SET_STREAMS) c->limit = value;
    if (name != SET_WINDOW) continue;
    for (uint32_t each = 0; each < streams; each++) c->streams[each].window += (int64_t)value - c->window_of_new;
    c->window_of_new = value;
  }
  c->ready = true;
  append_head(&c->out, 0, SETTINGS, ACK, 0);
  send_bodies(c);
}

static void take_frame(struct connection *c, int type, int flags, uint32_t id, const unsigned char *at, uint32_t size) {
  const unsigned char *end = at + size;
  struct stream *s = id % 2 ? &c->streams[c->slots[id / 2 % SLOTS]] : NULL;
  if (s && s->id != id) s = NULL; /* of a call that is over */
  if ((type == DATA || type == HEADERS) && flags & PADDED) {
    end -= *at + 1;
    at++;
  }
  if (type == DATA) {
    c->received += size;
    if (c->received > WINDOW_MOST / 2) {
      append_window_update(&c->out, 0, (uint32_t)c->received);
      c->received = 0;
    }
    if (s) append(&s->answer, at, (size_t)(end - at));
  } else if (type == HEADERS) {
    if (!(flags & END_HEADERS)) fail("an answer's header takes more than one frame");
    int status = read_status(&c->table, at + (flags & PRIORITY ? 5 : 0), end);
    if (s && status != NO_STATUS) s->status = status;
  } else if (type == RST_STREAM) {
    if (s) finish(c, s, s->status > 0 ? s->status : read32(at) == 7 ? STATUS_UNAVAILABLE : STATUS_INTERNAL);
    return;
  } else if (type == SETTINGS && !(flags & ACK)) {
    take_settings(c, at, end);
  } else if (type == PING && !(flags & ACK)) {
    append_head(&c->out, 8, PING, ACK, 0);
    append(&c->out, at, 8);
  } else if (type == GOAWAY) {
    go_away(c, read32(at));
  } else if (type == WINDOW_UPDATE) {
    if (s) s->window += read32(at);
    if (!id) c->window += read32(at);
    send_bodies(c);
  }
  if (s && (type == DATA || type == HEADERS) && flags & END_STREAM)
    finish(c, s, s->status == NO_STATUS ? STATUS_INTERNAL : s->status);
}

static void receive(struct connection *c) {
  unsigned char *room = extend(&c->in, RECEIVED_AT_ONCE);
  ssize_t got = recv(c->fd, room, RECEIVED_AT_ONCE, 0);
  c->in.end -= RECEIVED_AT_ONCE - (size_t)(got > 0 ? got : 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) {
    if (c->busy && !c->closing) fail("the server closed a connection");
    c->closing = true;
    go_away(c, 0);
    return;
  }
  for (;;) {
    const unsigned char *head = c->in.bytes + c->in.taken;
    size_t there = c->in.end - c->in.taken;
    uint32_t size = there < FRAME_HEAD ? 0 : read32(head) >> 8;
    if (there < FRAME_HEAD + size || there < FRAME_HEAD) break;
    take_frame(c, head[3], head[4], read32(head + 5) & WINDOW_MOST, head + FRAME_HEAD, size);
    c->in.taken += FRAME_HEAD + size;
  }
  memmove(c->in.bytes, c->in.bytes + c->in.taken, c->in.end - c->in.taken);
  c->in.end -= c->in.taken;
  c->in.taken = 0;
}

static void transmit(struct connection *c) {
  size_t size = c->out.end - c->out.taken;
  ssize_t sent = size ? send(c->fd, c->out.bytes + c->out.taken, size, MSG_NOSIGNAL) : 0;
  if (sent > 0) c->out.taken += (size_t)sent;
  if (sent < 0 && errno != EAGAIN && errno != EINTR && !c->closing) fail("cannot send: %s", strerror(errno));
}

#endif
