/* Sends gRPC calls, each with a request of its own, over plain HTTP/2, and says what came of them.
 *
 *   generator HOST PORT METHOD REQUESTS ANSWERS FIRST COUNT CONNECTIONS STREAMS RATE SECONDS \
 *             AUTHORIZATION
 *
 * METHOD       as in the URL: /package.Service/Method
 * REQUESTS     file of requests, each with its size before it (4 bytes, little-endian): gRPC frames, which are the
 *              serialized message after a 0 and its size (4 bytes, big-endian)
 * ANSWERS      where to write what came of each call, in the order of the answers, as 4 numbers (4 bytes,
 *              little-endian) and the answer's gRPC frames:
 *              number of the request, gRPC status, microseconds, size of the frames
 * FIRST, COUNT which of the requests to send
 * STREAMS      how many calls are under way on each connection at most
 * RATE         calls a second, whose latency is that from when they were due; 0: the next when one is answered
 * SECONDS      begin no call after so many; 0: no end
 * AUTHORIZATION metadata of that name; empty: none
 *
 * On standard output: how many were sent, and seconds from the first to the last answer.
 */
#define _GNU_SOURCE
#include "connection.h"

#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SILENCE_SECONDS = 30 };

static uint32_t first, count, connections, rate, started;
static double seconds;
static struct connection *all;
static int64_t beginning;

/* Waits for the servers, at most until `until`, and takes what they say. */
static void exchange(struct pollfd *polled, int64_t until) {
  for (uint32_t at = 0; at < connections; at++) {
    struct connection *c = &all[at];
    if (c->closing && !c->busy) {
      close(c->fd);
      open_connection(c);
    }
    transmit(c);
    polled[at].fd = c->fd;
    polled[at].events = (short)(c->out.taken < c->out.end ? POLLIN | POLLOUT : POLLIN);
  }
  int64_t wait = until ? until - now() : SILENCE_SECONDS * 1000000000LL;
  if (wait < 0) wait = 0;
  struct timespec timeout = {wait / 1000000000, wait % 1000000000};
  if (!ppoll(polled, connections, &timeout, NULL) && !until) fail("no answer for %d s", SILENCE_SECONDS);
  for (uint32_t at = 0; at < connections; at++)
    if (polled[at].revents & (POLLIN | POLLERR | POLLHUP)) receive(&all[at]);
}

static int64_t due_at(uint32_t number) {
  return beginning + (int64_t)((double)number * 1e9 / rate);
}

/* Starts the calls that are due, where there is room. Returns whether more are to be started, and in `next` when:
   0 if as soon as there is room. */
static bool start_due(int64_t *next) {
  static uint32_t turn;
  int64_t time = now();
  bool over = seconds > 0 && time > beginning + (int64_t)(seconds * 1e9);
  for (uint32_t full = 0; full < connections;) {
    bool more = !over && started < count && (!rate || due_at(started) <= time);
    if (!agains && !more) break;
    struct connection *c = &all[turn++ % connections];
    if (!has_room(c)) {
      full++;
      continue;
    }
    full = 0;
    if (agains) {
      agains--;
      start(c, again[agains].request, again[agains].due);
    } else {
      start(c, first + started, rate ? due_at(started) : time);
      started++;
    }
  }
  bool more = !over && started < count;
  /* Of the same moment as above: what fell due since is to be started, not waited for. */
  *next = more && rate && due_at(started) > time ? due_at(started) : 0;
  return more;
}

static void read_requests(const char *path) {
  struct stat state;
  int file = open(path, O_RDONLY);
  if (file < 0 || fstat(file, &state)) fail("cannot read %s", path);
  size_t end = (size_t)state.st_size, at = 0;
  const unsigned char *requests = mmap(NULL, end, PROT_READ, MAP_PRIVATE | MAP_POPULATE, file, 0);
  if (requests == MAP_FAILED) fail("cannot read %s", path);
  bodies = calloc((size_t)first + count, sizeof *bodies);
  for (uint32_t request = 0; request < first + count; request++) {
    uint32_t size;
    if (at + 4 > end) fail("%s has only %u requests", path, request);
    memcpy(&size, requests + at, 4);
    bodies[request] = requests + at + 4;
    at += 4 + size;
  }
}

int main(int number, char **words) {
  if (number != 13) fail("12 arguments are needed; see the head of the source");
  host = words[1];
  port = (uint32_t)atoi(words[2]);
  method = words[3];
  first = (uint32_t)atoi(words[6]);
  count = (uint32_t)atoi(words[7]);
  connections = (uint32_t)atoi(words[8]);
  streams = (uint32_t)atoi(words[9]);
  rate = (uint32_t)atoi(words[10]);
  seconds = atof(words[11]);
  authorization = words[12];
  read_requests(words[4]);
  prctl(PR_SET_TIMERSLACK, 1);
  all = calloc(connections, sizeof *all);
  again = calloc((size_t)connections * streams, sizeof *again);
  struct pollfd *polled = calloc(connections, sizeof *polled);
  for (uint32_t at = 0; at < connections; at++) {
    all[at].streams = calloc(streams, sizeof *all[at].streams);
    open_connection(&all[at]);
  }
  for (uint32_t at = 0; at < connections;) {
    exchange(polled, 0);
    for (at = 0; at < connections && all[at].ready;) at++;
  }
  beginning = now();
  for (bool more = true; more || finished < started;) {
    int64_t next;
    more = start_due(&next);
    if (finished == started && !more) break;
    exchange(polled, next);
  }
  double elapsed = (double)(now() - beginning) / 1e9;
  FILE *file = fopen(words[5], "wb");
  if (!file || fwrite(answers.bytes, 1, answers.end, file) != answers.end || fclose(file))
    fail("cannot write %s", words[5]);
  printf("{\"sent\": %u, \"seconds\": %.6f}\n", started, elapsed);
  return 0;
}
