// The time loop of seqkit's cells for the CPU, forward and backward, as torch operators. The definition of each cell is
// its `step` in Python; the struct of the same name here is that step on vectors of hidden units.
//
// Words: B batch, T time, I inputs, H hidden units (a multiple of 16; the caller pads), G gates, D directions.
// A direction's sequences, the longest first, are dealt to `slices`; a slice is run through all its time steps by a
// team of threads, most often one, which share the hidden units and meet at a barrier. A slice's rows are packed:
// step by step the sequences that are still running, so that padding costs nothing and a step is one block of rows.
// Weights are packed in blocks of hidden units with all gates of a unit in one block, so that the gate maths runs on
// a block's product while it is in cache.
// With `bf16` both sides of every product are rounded to bfloat16; sums, gates, states and gradients stay float32.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/cpu/vec/vec.h>
#include <ATen/native/CPUBlas.h>
#include <omp.h>
#include <sched.h>
#include <sys/mman.h>
#include <torch/library.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <memory>
#include <numeric>
#include <vector>

namespace {

using at::Tensor;
using V = at::vec::Vectorized<float>;
using Half = at::BFloat16;
using std::optional;
constexpr int64_t kLanes = V::size();
constexpr int64_t kProductRows = 64;  // rows of one product
constexpr int64_t kInputRows = 128;   // rows of the input product that are made at a time

inline V load(const float* p) { return V::loadu(p); }

using Buffer = std::unique_ptr<float[]>;
using HalfBuffer = std::unique_ptr<Half[]>;
Buffer buffer(int64_t size) { return Buffer(size ? new float[size] : nullptr); }
HalfBuffer half_buffer(int64_t size) { return HalfBuffer(size ? new Half[size]() : nullptr); }

// Pages of 2 MB, where the system gives them, for what a loop is about to write: a fault for each 4 kB costs more than
// the writing.
Tensor in_large_pages(Tensor tensor) {
#ifdef MADV_HUGEPAGE
  constexpr uintptr_t size = 1 << 21;
  const uintptr_t place = reinterpret_cast<uintptr_t>(tensor.data_ptr());
  const uintptr_t begin = (place + size - 1) / size * size, end = (place + tensor.nbytes()) / size * size;
  if (begin < end) madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);
#endif
  return tensor;
}

// One side of a product: float32, and where `half` is set its rounded copy, which is then what counts.
struct Numbers {
  const float* full;
  const Half* half;
  Numbers operator+(int64_t n) const { return {full ? full + n : nullptr, half ? half + n : nullptr}; }
};

// ---- Rounding to bfloat16 ----

void round_row(const float* from, int64_t count, Half* to) {
  int64_t n = 0;
  for (; n + 2 * kLanes <= count; n += 2 * kLanes)
    at::vec::convert_float_bfloat16(load(from + n), load(from + n + kLanes)).store(to + n);
  for (; n < count; n++) to[n] = from[n];
}

// Two rows of a product's right side as the processor wants them: the numbers of each column side by side.
void round_pair(const float* even, const float* odd, int64_t count, Half* to) {
  using Int = at::vec::Vectorized<int32_t>;
  const auto rounded = [](const float* p) {  // to the nearest, ties to even, in the upper 16 bits
    const Int bits = Int::loadu(p);
    return bits + Int(0x7fff) + ((bits >> Int(16)) & Int(1));
  };
  int64_t n = 0;
  for (; n + kLanes <= count; n += kLanes)
    (((rounded(even + n) >> Int(16)) & Int(0xffff)) | (rounded(odd + n) & Int(~0xffff))).store(to + 2 * n);
  for (; n < count; n++) to[2 * n] = even[n], to[2 * n + 1] = odd[n];
}

// ---- Squashing functions, within 4 units in the last place ----

struct Exponential {  // e^y = s (1 + q), with s a power of 2
  V q, s;
};

inline Exponential exponential(V y) {
  const V n = (y * V(1.44269504f)).round();
  V r = at::vec::fmadd(n, V(-0.693359375f), y);
  r = at::vec::fmadd(n, V(2.12194440e-4f), r);
  V p = at::vec::fmadd(r, V(1.f / 5040), V(1.f / 720));
  p = at::vec::fmadd(p, r, V(1.f / 120));
  p = at::vec::fmadd(p, r, V(1.f / 24));
  p = at::vec::fmadd(p, r, V(1.f / 6));
  p = at::vec::fmadd(p, r, V(.5f));
  using Int = at::vec::Vectorized<int32_t>;
  const Int bits = (at::vec::convert_to_int_of_same_size(n) + Int(127)) << Int(23);
  return {at::vec::fmadd(p, r * r, r), at::vec::cast<float>(bits)};
}

inline V reciprocal(V d) {
#if defined(CPU_CAPABILITY_AVX512)
  const V r = _mm512_rcp14_ps(d);
  return r * (V(2.f) - d * r);
#else
  return V(1.f) / d;
#endif
}

inline V sigmoid(V x) {
  const auto e = exponential(at::vec::clamp(x.neg(), V(-87.f), V(87.f)));
  return reciprocal(at::vec::fmadd(e.s, e.q, V(1.f) + e.s));
}

inline V tanh(V x) {  // by e^2x - 1, exact near 0
  const auto e = exponential(at::vec::clamp(x + x, V(-20.f), V(20.f)));
  const V m = at::vec::fmadd(e.s, e.q, e.s - V(1.f));
  return m * reciprocal(m + V(2.f));
}

inline V slope_of_sigmoid(V s) { return s * (V(1.f) - s); }
inline V slope_of_tanh(V t) { return V(1.f) - t * t; }

// ---- Cells whose step concerns each hidden unit alone, apart from the recurrent product ----
//
// GATES pre-activations, STATES, KEPT values for backward, OWN parameters of a unit. SLOTS gradients of
// pre-activations are made: the input parts' lie side by side from X_SLOT on, the recurrent parts' from R_SLOT on.
// x_gate and r_gate say which gate a slot of each belongs to (the recurrent ones must be in the gates' order).
// step: x, r and the state before to the state after. back: ds is dh, dc after the step, and becomes what reaches
// them before it, without the recurrent product's part.

template <bool relu>
struct RNN {
  static constexpr int GATES = 1, STATES = 1, KEPT = 1, OWN = 0, SLOTS = 1, X_SLOT = 0, R_SLOT = 0;
  static constexpr int x_gate[] = {0};
  static inline void step(const V* x, const V* r, V* s, const V*, V* kept) {
    const V a = x[0] + r[0];
    s[0] = kept[0] = relu ? at::vec::maximum(a, V(0.f)) : tanh(a);
  }
  static inline void back(const V* kept, V, V* ds, const V*, V* da, V*) {
    da[0] = relu ? V::blendv(V(0.f), ds[0], kept[0] > V(0.f)) : ds[0] * slope_of_tanh(kept[0]);
    ds[0] = V(0.f);
  }
};

struct LSTM {
  static constexpr int GATES = 4, STATES = 2, KEPT = 5, OWN = 0, SLOTS = 4, X_SLOT = 0, R_SLOT = 0;
  static constexpr int x_gate[] = {0, 1, 2, 3};
  static inline void step(const V* x, const V* r, V* s, const V*, V* kept) {
    const V i = sigmoid(x[0] + r[0]), f = sigmoid(x[1] + r[1]), g = tanh(x[2] + r[2]), o = sigmoid(x[3] + r[3]);
    kept[0] = i, kept[1] = f, kept[2] = g, kept[3] = o, kept[4] = s[1];
    s[1] = f * s[1] + i * g;
    s[0] = o * tanh(s[1]);
  }
  static inline void back(const V* kept, V, V* ds, const V*, V* da, V*) {
    const V i = kept[0], f = kept[1], g = kept[2], o = kept[3], c = kept[4];
    const V t = tanh(f * c + i * g);
    const V dc = ds[1] + ds[0] * o * slope_of_tanh(t);
    da[0] = dc * g * slope_of_sigmoid(i), da[1] = dc * c * slope_of_sigmoid(f);
    da[2] = dc * i * slope_of_tanh(g), da[3] = ds[0] * t * slope_of_sigmoid(o);
    ds[0] = V(0.f), ds[1] = dc * f;
  }
};

struct PeepholeLSTM {
  static constexpr int GATES = 4, STATES = 2, KEPT = 5, OWN = 3, SLOTS = 4, X_SLOT = 0, R_SLOT = 0;
  static constexpr int x_gate[] = {0, 1, 2, 3};
  static inline void step(const V* x, const V* r, V* s, const V* p, V* kept) {
    const V i = sigmoid(x[0] + r[0] + p[0] * s[1]), f = sigmoid(x[1] + r[1] + p[1] * s[1]), g = tanh(x[2] + r[2]);
    const V c = f * s[1] + i * g;
    const V o = sigmoid(x[3] + r[3] + p[2] * c);
    kept[0] = i, kept[1] = f, kept[2] = g, kept[3] = o, kept[4] = s[1];
    s[1] = c;
    s[0] = o * tanh(c);
  }
  static inline void back(const V* kept, V, V* ds, const V* p, V* da, V* dp) {
    const V i = kept[0], f = kept[1], g = kept[2], o = kept[3], before = kept[4];
    const V c = f * before + i * g, t = tanh(c);
    da[3] = ds[0] * t * slope_of_sigmoid(o);
    const V dc = ds[1] + ds[0] * o * slope_of_tanh(t) + da[3] * p[2];
    da[0] = dc * g * slope_of_sigmoid(i), da[1] = dc * before * slope_of_sigmoid(f), da[2] = dc * i * slope_of_tanh(g);
    dp[0] = da[0] * before, dp[1] = da[1] * before, dp[2] = da[3] * c;
    ds[0] = V(0.f), ds[1] = dc * f + da[0] * p[0] + da[1] * p[1];
  }
};

struct CoupledLSTM {
  static constexpr int GATES = 3, STATES = 2, KEPT = 4, OWN = 0, SLOTS = 3, X_SLOT = 0, R_SLOT = 0;
  static constexpr int x_gate[] = {0, 1, 2};
  static inline void step(const V* x, const V* r, V* s, const V*, V* kept) {
    const V i = sigmoid(x[0] + r[0]), g = tanh(x[1] + r[1]), o = sigmoid(x[2] + r[2]);
    kept[0] = i, kept[1] = g, kept[2] = o, kept[3] = s[1];
    s[1] = s[1] + i * (g - s[1]);
    s[0] = o * tanh(s[1]);
  }
  static inline void back(const V* kept, V, V* ds, const V*, V* da, V*) {
    const V i = kept[0], g = kept[1], o = kept[2], c = kept[3];
    const V t = tanh(c + i * (g - c));
    const V dc = ds[1] + ds[0] * o * slope_of_tanh(t);
    da[0] = dc * (g - c) * slope_of_sigmoid(i), da[1] = dc * i * slope_of_tanh(g);
    da[2] = ds[0] * t * slope_of_sigmoid(o);
    ds[0] = V(0.f), ds[1] = dc * (V(1.f) - i);
  }
};

struct GRU {  // reset after; the candidate's input part and recurrent part have gradients of their own
  static constexpr int GATES = 3, STATES = 1, KEPT = 4, OWN = 1, SLOTS = 4, X_SLOT = 0, R_SLOT = 1;
  static constexpr int x_gate[] = {2, 0, 1};
  static inline void step(const V* x, const V* r, V* s, const V* own, V* kept) {
    const V z = sigmoid(x[0] + r[0]), reset = sigmoid(x[1] + r[1]), u = r[2] + own[0];
    const V n = tanh(x[2] + reset * u);
    kept[0] = z, kept[1] = reset, kept[2] = n, kept[3] = u;
    s[0] = s[0] + z * (n - s[0]);
  }
  static inline void back(const V* kept, V h, V* ds, const V*, V* da, V* down) {
    const V z = kept[0], reset = kept[1], n = kept[2], u = kept[3];
    da[0] = ds[0] * z * slope_of_tanh(n);
    da[1] = ds[0] * (n - h) * slope_of_sigmoid(z);
    da[2] = da[0] * u * slope_of_sigmoid(reset);
    da[3] = down[0] = da[0] * reset;
    ds[0] = ds[0] * (V(1.f) - z);
  }
};

// ---- Threads ----

class alignas(64) Team {  // threads that run one slice together
 public:
  void meet(int64_t size) {
    if (size == 1) return;
    const int64_t round = round_.load(std::memory_order_relaxed);
    if (waiting_.fetch_add(1, std::memory_order_acq_rel) == size - 1) {
      waiting_.store(0, std::memory_order_relaxed);
      round_.store(round + 1, std::memory_order_release);
      return;
    }
    for (int64_t spins = 0; round_.load(std::memory_order_acquire) == round; spins++) {
      if (spins > 10000) sched_yield();
    }
  }

 private:
  std::atomic<int64_t> waiting_{0}, round_{0};
};

struct Member {
  int64_t number, size;
  Team& team;
  void meet() const { team.meet(size); }
  // Its share of so many blocks.
  int64_t first_of(int64_t blocks) const { return blocks * number / size; }
  int64_t last_of(int64_t blocks) const { return blocks * (number + 1) / size; }
};

template <class Body>
void run_in_teams(int64_t items, int64_t team_size, bool bf16, const Body& body) {
  const int64_t threads = at::in_parallel_region() ? 1 : std::min<int64_t>(at::get_num_threads(), items * team_size);
  std::vector<Team> teams(threads);
  const auto run = [&](int64_t thread, int64_t running) {
    const int64_t size = std::min(team_size, running), count = running / size, mine = thread / size;
    if (mine < count)
      for (int64_t item = mine; item < items; item += count) body(item, Member{thread % size, size, teams[mine]});
    at::native::cpublas::brgemm_release(bf16);
  };
  if (threads == 1) return run(0, 1);  // a parallel region of one thread still calls into the kernel
#pragma omp parallel num_threads(threads)
  run(omp_get_thread_num(), omp_get_num_threads());
}

// ---- Slices of the batch ----

struct Slice {
  std::vector<int64_t> sequence;  // the sequences, the longest first
  std::vector<int64_t> length;    // of each of them
  std::vector<int64_t> rows;      // sequences still running at each step, and a 0 at the end
  std::vector<int64_t> first;     // the packed row at which a step begins
  int64_t packed = 0;             // all its packed rows
  int64_t size() const { return sequence.size(); }
  int64_t steps() const { return rows.size() - 1; }
};

struct Plan {
  std::vector<Slice> slices;
  int64_t total = 0;  // packed rows
};

Plan make_plan(const optional<Tensor>& lengths, int64_t B, int64_t T, int64_t slices) {
  std::vector<int64_t> length(B, T), order(B);
  if (lengths) {
    TORCH_CHECK(lengths->scalar_type() == at::kLong && lengths->dim() == 1 && lengths->size(0) == B, "lengths: int64 (B)");
    const Tensor given = lengths->contiguous();
    for (int64_t b = 0; b < B; b++) {
      length[b] = given.const_data_ptr<int64_t>()[b];
      TORCH_CHECK(0 <= length[b] && length[b] <= T, "lengths must lie between 0 and T");
    }
  }
  std::iota(order.begin(), order.end(), 0);
  if (lengths)
    std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) { return length[a] > length[b]; });
  Plan plan;
  plan.slices.resize(slices);
  for (int64_t s = 0; s < slices; s++) {
    Slice& slice = plan.slices[s];
    // Dealing them out in turns gives every slice its part of the long ones.
    for (int64_t n = s; n < B; n += slices) {
      slice.sequence.push_back(order[n]);
      slice.length.push_back(length[order[n]]);
    }
    const int64_t steps = slice.size() ? slice.length[0] : 0;
    int64_t running = slice.size();
    slice.rows.reserve(steps + 1), slice.first.reserve(steps);
    for (int64_t t = 0; t < steps; t++) {
      while (running && slice.length[running - 1] <= t) running--;
      slice.rows.push_back(running);
      slice.first.push_back(plan.total);
      plan.total += running, slice.packed += running;
    }
    slice.rows.push_back(0);
  }
  return plan;
}

// ---- Products ----

// One row of A times B of `vectors` vectors a row, in two strands of sums so that additions need not wait for each other.
// B is read straight through, which processors see by themselves: prefetches of our own cost a fifth of the bandwidth.
template <int vectors>
void product_of_row(int64_t K, const float* A, const float* B, int64_t ldb, float* C, bool add) {
  V even[vectors], odd[vectors];
  for (int n = 0; n < vectors; n++) even[n] = add ? load(C + n * kLanes) : V(0.f), odd[n] = V(0.f);
  int64_t k = 0;
  for (; k + 1 < K; k += 2) {
    const V a(A[k]), b(A[k + 1]);
    const float* row = B + k * ldb;
    for (int n = 0; n < vectors; n++) {
      even[n] = at::vec::fmadd(a, load(row + n * kLanes), even[n]);
      odd[n] = at::vec::fmadd(b, load(row + ldb + n * kLanes), odd[n]);
    }
  }
  for (; k < K; k++)
    for (int n = 0; n < vectors; n++) even[n] = at::vec::fmadd(V(A[k]), load(B + k * ldb + n * kLanes), even[n]);
  for (int n = 0; n < vectors; n++) (even[n] + odd[n]).store(C + n * kLanes);
}

bool product_of_row(int64_t N, int64_t K, const float* A, const float* B, int64_t ldb, float* C, bool add) {
  if (N % kLanes) return false;
  switch (N / kLanes) {
    case 1: return product_of_row<1>(K, A, B, ldb, C, add), true;
    case 2: return product_of_row<2>(K, A, B, ldb, C, add), true;
    case 3: return product_of_row<3>(K, A, B, ldb, C, add), true;
    case 4: return product_of_row<4>(K, A, B, ldb, C, add), true;
    case 6: return product_of_row<6>(K, A, B, ldb, C, add), true;
    case 8: return product_of_row<8>(K, A, B, ldb, C, add), true;
  }
  return false;
}

// C = A B, or C += A B for up to kProductRows rows.
void product_of_rows(int64_t M, int64_t N, int64_t K, const Numbers& A, int64_t lda, const Numbers& B, int64_t ldb,
                     float* C, int64_t ldc, bool add) {
  if (B.half)
    at::native::cpublas::brgemm(M, N, K, lda, ldb, ldc, add, A.half, B.half, C);
  else
    at::native::cpublas::brgemm(M, N, K, lda, ldb, ldc, add, A.full, B.full, C);
}

// The same for any number of rows.
void product(int64_t M, int64_t N, int64_t K, const Numbers& A, int64_t lda, const Numbers& B, int64_t ldb, float* C,
             int64_t ldc, bool add) {
  if (!B.half && M == 1 && product_of_row(N, K, A.full, B.full, ldb, C, add)) return;
  for (int64_t m = 0; m < M; m += kProductRows) {
    const int64_t rows = std::min(kProductRows, M - m);
    product_of_rows(rows, N, K, A + m * lda, lda, B, ldb, C + m * ldc, ldc, add);
  }
}

// Whether this processor multiplies bfloat16, tried out.
bool has_bf16() {
#if defined(__x86_64__)
  if (!__builtin_cpu_supports("avx512bf16")) return false;
  static const bool works = [] {
    Half A[32], B[2 * 32 * 16];
    float C[16];
    for (int n = 0; n < 32; n++) A[n] = n % 7 - 3.f;
    for (int n = 0; n < 2 * 32 * 16; n++) B[n] = 0.f;
    for (int k = 0; k < 32; k++)
      for (int n = 0; n < 16; n++) B[(k / 2 * 16 + n) * 2 + k % 2] = (k + 3 * n) % 5 - 2.f;
    try {
      at::native::cpublas::brgemm(1, 16, 32, 32, 16, 16, false, A, B, C);
      at::native::cpublas::brgemm_release(true);
    } catch (const c10::Error&) {  // torch's way to say that it has no such product
      return false;
    }
    for (int n = 0; n < 16; n++) {
      float sum = 0.f;
      for (int k = 0; k < 32; k++) sum += (k % 7 - 3.f) * ((k + 3 * n) % 5 - 2.f);
      if (C[n] != sum) return false;
    }
    return true;
  }();
  return works;
#else
  return false;
#endif
}

// Hidden units of a block: of a product's columns going back, and of all gates' columns going forward, where a row of a
// block is then at most 4 vectors, read one after another from memory.
int64_t wide_block(int64_t H) { return H % 64 == 0 ? 64 : H % 32 == 0 ? 32 : 16; }
int64_t gates_block(int64_t G, int64_t H) { return G == 1 ? wide_block(H) : 16; }

int64_t even(int64_t n) { return (n + 1) / 2 * 2; }

// (D, G·H, K) to (D, blocks, K, G, units of a block).
void pack_rows(const float* weight, int64_t D, int64_t G, int64_t H, int64_t K, float* to) {
  const int64_t NB = gates_block(G, H), blocks = H / NB;
  at::parallel_for(0, D * blocks * G, 1, [&](int64_t begin, int64_t end) {
    for (int64_t item = begin; item < end; item++) {
      const int64_t d = item / (blocks * G), n = item / G % blocks, g = item % G;
      const float* from = weight + ((d * G + g) * H + n * NB) * K;
      float* block = to + (d * blocks + n) * K * G * NB + g * NB;
      for (int64_t k = 0; k < K; k += 16)
        at::vec::transpose_mxn<float>(from + k, K, block + k * G * NB, G * NB, NB, std::min<int64_t>(16, K - k));
    }
  });
}

// The same for bfloat16, (D, blocks, K / 2, G, units of a block, 2), K made even by zeros.
void pack_rows(const float* weight, int64_t D, int64_t G, int64_t H, int64_t K, Half* to) {
  const int64_t width = G * gates_block(G, H), blocks = H * G / width;
  const Buffer full = buffer(D * G * H * K), zeros = buffer(width);
  std::fill_n(zeros.get(), width, 0.f);
  pack_rows(weight, D, G, H, K, full.get());
  at::parallel_for(0, D * blocks, 1, [&](int64_t begin, int64_t end) {
    for (int64_t item = begin; item < end; item++)
      for (int64_t k = 0; k < K; k += 2) {
        const float* row = full.get() + (item * K + k) * width;
        round_pair(row, k + 1 < K ? row + width : zeros.get(), width, to + (item * even(K) + k) * width);
      }
  });
}

// (D, R, H) to (D, blocks, R, units of a block), or for bfloat16 (D, blocks, R / 2, units of a block, 2).
template <class Number>
void pack_columns(const float* weight, int64_t D, int64_t R, int64_t H, Number* to) {
  const int64_t NB = wide_block(H), blocks = H / NB;
  at::parallel_for(0, D * blocks, 1, [&](int64_t begin, int64_t end) {
    for (int64_t item = begin; item < end; item++)
      for (int64_t row = 0; row < R; row += 2) {
        const float* from = weight + ((item / blocks) * R + row) * H + item % blocks * NB;
        Number* rows = to + (item * R + row) * NB;
        if constexpr (std::is_same_v<Number, Half>) {
          round_pair(from, from + H, NB, rows);
        } else {
          std::memcpy(rows, from, NB * sizeof(float));
          std::memcpy(rows + NB, from + H, NB * sizeof(float));
        }
      }
  });
}

// ---- The loops ----

// Whether what a cell keeps is h after the step and nothing else, row by row. h before the step is then the row of the
// step before it, and kept_h (D, B, H) holds the first step's only; of other cells it is (D, B·T, H), in packed rows.
template <class Cell>
constexpr bool keeps_h_after = false;

struct Sizes {
  int64_t D, B, T, I, H, G, units;  // units: those that are not padding
  int64_t NB, blocks, wide;         // units of a block of gates, how many blocks; units of a block going back
  int64_t ld;                       // row length of operands, odd in cache lines, so that rows do not collide
  int64_t state_ld, state_units;    // of states given and returned: from one sequence's to the next one's, and its units
  bool bf16;
  Sizes(int64_t B, int64_t T, int64_t I, int64_t D, int64_t G, int64_t H, int64_t units, bool bf16)
      : D(D), B(B), T(T), I(I), H(H), G(G), units(units), NB(gates_block(G, H)), blocks(H / NB), wide(wide_block(H)),
        ld(H + 16), state_ld(D * H), state_units(H), bf16(bf16) {}
  // States of n layers or directions, without padding units.
  void set_states(int64_t n) { state_ld = n * units, state_units = units; }
  int64_t inputs() const { return bf16 ? even(I) : I; }  // in a row of a product
  int64_t wide_blocks() const { return H / wide; }
};

inline int64_t time_of(int64_t t, int64_t length, bool reverse) { return reverse ? length - 1 - t : t; }

// What the threads of a team share while they run a slice forward.
struct ForwardScratch {
  Buffer h[2], c, x, more;
  ForwardScratch(const Sizes& z, const Slice& s, int64_t states, int64_t more_floats)
      : c(buffer(states > 1 ? s.size() * z.H : 0)), x(buffer(z.blocks * x_rows(s) * z.G * z.NB)),
        more(buffer(more_floats * s.size())) {
    for (auto& side : h) side = buffer(s.size() * z.ld);
  }
  static int64_t x_rows(const Slice& s) { return std::min(s.packed, std::max(s.size(), kInputRows)); }
};

struct Forward {  // one slice of one direction
  const Sizes& z;
  const Slice& s;
  Member member;
  int64_t d;
  const float* x;
  Numbers wx, wh;
  const float *bias, *own;
  const float* state[2];  // h and c, (B, D, H); null for zeros
  float *out, *final[2];
  float *kept_h, *kept;  // of the whole direction; kept_h is null if nothing is kept
  int64_t kept_size;
  ForwardScratch& shared;
  // The step at hand.
  int64_t t = 0, rows = 0, chunk_row = 0;
  float *h = nullptr, *h_next = nullptr, *c = nullptr;
  Buffer product_of_block;
  HalfBuffer rounded;
  std::vector<float*> out_row;

  bool reverse() const { return d == 1; }
  int64_t first_block() const { return member.first_of(z.blocks); }
  int64_t last_block() const { return member.last_of(z.blocks); }
  const float* x_part(int64_t block, int64_t row) const {
    return shared.x.get() + (block * ForwardScratch::x_rows(s) + chunk_row + row) * z.G * z.NB;
  }
  float* kept_of(int64_t block, int64_t row) const {
    return kept + (s.first[t] + row) * kept_size + block * (kept_size / z.blocks);
  }
  // The rows of the step at hand as the left side of products.
  Numbers operand(const float* from) const {
    if (!z.bf16) return {from, nullptr};
    for (int64_t i = 0; i < rows; i++) round_row(from + i * z.ld, z.H, rounded.get() + i * z.ld);
    return {from, rounded.get()};
  }
  // The recurrent product of `count` gates from gate `gate` on, for one block: (rows, count, NB).
  void recurrent(int64_t block, int64_t gate, int64_t count, const Numbers& operand, float* to) const {
    product(rows, count * z.NB, z.H, operand, z.ld, wh + (block * z.H * z.G + gate * (z.bf16 ? 2 : 1)) * z.NB,
            z.G * z.NB, to, count * z.NB, false);
  }

  template <class Cell>
  void run() {
    begin(Cell::STATES);
    const Buffer x_rows = buffer(z.bf16 ? 0 : ForwardScratch::x_rows(s) * z.I);
    const HalfBuffer rounded_x = half_buffer(z.bf16 ? ForwardScratch::x_rows(s) * z.inputs() : 0);
    for (int64_t start = 0; start < s.steps();) {
      int64_t end = start, count = 0;
      while (end < s.steps() && (end == start || count + s.rows[end] <= kInputRows)) count += s.rows[end++];
      input_product(start, end, count, x_rows.get(), rounded_x.get());
      chunk_row = 0;
      for (t = start; t < end; t++) {
        rows = s.rows[t];
        h = shared.h[t & 1].get(), h_next = shared.h[~t & 1].get();
        for (int64_t i = 0; i < rows; i++)
          out_row[i] = out + ((s.sequence[i] * z.T + time_of(t, s.length[i], reverse())) * z.D + d) * z.H;
        if (kept_h && (t == 0 || !keeps_h_after<Cell>)) keep_operand(keeps_h_after<Cell>);
        Cell::forward(*this);
        chunk_row += rows;
        if (t + 1 < s.steps()) member.meet();
      }
      start = end;
    }
    finish(Cell::STATES);
  }

  void begin(int64_t states) {
    product_of_block = buffer(s.size() * z.G * z.NB);
    rounded = half_buffer(z.bf16 ? s.size() * z.ld : 0);
    out_row.resize(s.size());
    c = shared.c.get();
    const int64_t from = first_block() * z.NB, count = last_block() * z.NB - from;
    for (int64_t i = 0; i < s.size(); i++) {
      start_row(state[0], i, shared.h[0].get() + i * z.ld + from, from, count);
      if (states > 1) start_row(state[1], i, c + i * z.H + from, from, count);
    }
  }

  void start_row(const float* given, int64_t i, float* to, int64_t from, int64_t count) const {
    const int64_t copied = given ? state_count(from, count) : 0;
    if (copied) std::memcpy(to, given + state_at(i) + from, copied * sizeof(float));
    std::fill_n(to + copied, count - copied, 0.f);
  }

  int64_t state_at(int64_t i) const { return s.sequence[i] * z.state_ld + d * z.state_units; }
  // How many of `count` units from `from` on are units of a state, not padding.
  int64_t state_count(int64_t from, int64_t count) const {
    return std::clamp<int64_t>(z.state_units - from, 0, count);
  }

  // x W_x for the steps from start to end, block by block; then all members have what they share.
  void input_product(int64_t start, int64_t end, int64_t count, float* x_rows, Half* rounded_x) {
    int64_t row = 0;
    for (int64_t step = start; step < end; step++)
      for (int64_t i = 0; i < s.rows[step]; i++, row++) {
        const float* from = x + (s.sequence[i] * z.T + time_of(step, s.length[i], reverse())) * z.I;
        if (z.bf16)
          round_row(from, z.I, rounded_x + row * z.inputs());
        else
          std::memcpy(x_rows + row * z.I, from, z.I * sizeof(float));
      }
    const int64_t width = z.G * z.NB, K = z.inputs();
    for (int64_t block = first_block(); block < last_block(); block++)
      product(count, width, K, {x_rows, rounded_x}, K, wx + block * K * width, width,
              shared.x.get() + block * ForwardScratch::x_rows(s) * width, width, false);
    member.meet();
  }

  void keep_operand(bool by_sequence) const {
    const int64_t from = first_block() * z.NB, bytes = (last_block() * z.NB - from) * sizeof(float);
    for (int64_t i = 0; i < rows; i++)
      std::memcpy(kept_h + (by_sequence ? s.sequence[i] : s.first[t] + i) * z.H + from, h + i * z.ld + from, bytes);
  }

  void finish(int64_t states) {
    const int64_t from = first_block() * z.NB, count = last_block() * z.NB - from, bytes = count * sizeof(float);
    const int64_t state_bytes = state_count(from, count) * sizeof(float);
    for (int64_t i = 0; i < s.size(); i++) {
      const float* last = shared.h[s.length[i] & 1].get() + i * z.ld;
      if (state_bytes) {
        std::memcpy(final[0] + state_at(i) + from, last + from, state_bytes);
        if (states > 1) std::memcpy(final[1] + state_at(i) + from, c + i * z.H + from, state_bytes);
      }
      for (int64_t time = s.length[i]; time < z.T; time++)
        std::memset(out + ((s.sequence[i] * z.T + time) * z.D + d) * z.H + from, 0, bytes);
    }
  }
};

// What the threads of a team share while they run a slice back.
struct BackwardScratch {
  Buffer dh, dc, da[2], more;
  BackwardScratch(const Sizes& z, const Slice& s, int64_t more_floats)
      : dh(buffer(s.size() * z.ld)), dc(buffer(s.size() * z.H)), more(buffer(more_floats * s.size())) {
    for (auto& side : da) side = buffer(s.size() * width(z));
  }
  static int64_t width(const Sizes& z) { return z.G * z.H + 16; }
};

struct Backward {  // one slice of one direction
  const Sizes& z;
  const Slice& s;
  Member member;
  int64_t d;
  Numbers wh;
  const float *own, *kept_h, *kept, *grad_out, *grad_final;
  float *da, *sums, *grad_state;  // da (rows, SLOTS, H); sums (SLOTS + OWN, H) of this slice
  int64_t kept_size;
  BackwardScratch& shared;
  // The step at hand.
  int64_t t = 0, rows = 0;
  float *operand = nullptr, *dh = nullptr, *dc = nullptr;  // operand (rows, G·H): gradient of the recurrent parts
  HalfBuffer rounded;
  std::vector<const float*> grad_row;

  bool reverse() const { return d == 1; }
  int64_t first_block() const { return member.first_of(z.wide_blocks()) * (z.wide / z.NB); }
  int64_t last_block() const { return member.last_of(z.wide_blocks()) * (z.wide / z.NB); }
  int64_t width() const { return BackwardScratch::width(z); }
  const float* kept_of(int64_t block, int64_t row) const {
    return kept + (s.first[t] + row) * kept_size + block * (kept_size / z.blocks);
  }
  const float* h_before(int64_t row) const { return kept_h + (s.first[t] + row) * z.H; }
  // da W_h for `count` gates from `gate` on, to this thread's columns of `to` (rows, ld).
  void recurrent(int64_t gate, int64_t count, float* to, bool add) const {
    const Numbers left = Numbers{operand, rounded.get()} + gate * z.H;
    for (int64_t i = 0; z.bf16 && i < rows; i++)
      round_row(left.full + i * width(), count * z.H, rounded.get() + gate * z.H + i * width());
    for (int64_t n = member.first_of(z.wide_blocks()); n < member.last_of(z.wide_blocks()); n++)
      product(rows, z.wide, count * z.H, left, width(), wh + (n * z.G + gate) * z.H * z.wide, z.wide, to + n * z.wide,
              z.ld, add);
  }

  template <class Cell>
  void run() {
    dh = shared.dh.get(), dc = shared.dc.get();
    grad_row.resize(s.size());
    if (z.bf16) rounded = half_buffer(s.size() * width());
    const int64_t from = first_block() * z.NB, count = last_block() * z.NB - from;
    for (t = s.steps() - 1; t >= 0; t--) {
      rows = s.rows[t];
      for (int64_t i = s.rows[t + 1]; i < rows; i++) start_row(i, from, count, Cell::STATES);
      for (int64_t i = 0; i < rows; i++)
        grad_row[i] = grad_out + ((s.sequence[i] * z.T + time_of(t, s.length[i], reverse())) * z.D + d) * z.H;
      operand = shared.da[t & 1].get();
      Cell::backward(*this);
    }
    for (int64_t i = 0; i < s.size(); i++) {
      if (s.length[i] == 0) start_row(i, from, count, Cell::STATES);
      std::memcpy(grad_state + (s.sequence[i] * z.D + d) * z.H + from, dh + i * z.ld + from, count * sizeof(float));
      if (Cell::STATES > 1)
        std::memcpy(grad_state + ((z.B + s.sequence[i]) * z.D + d) * z.H + from, dc + i * z.H + from,
                    count * sizeof(float));
    }
  }

  void start_row(int64_t i, int64_t from, int64_t count, int64_t states) const {
    std::memcpy(dh + i * z.ld + from, grad_final + (s.sequence[i] * z.D + d) * z.H + from, count * sizeof(float));
    if (states > 1)
      std::memcpy(dc + i * z.H + from, grad_final + ((z.B + s.sequence[i]) * z.D + d) * z.H + from,
                  count * sizeof(float));
  }
};

inline void add_to(float* sum, V value) { (load(sum) + value).store(sum); }

// ---- Cells as the loops run them ----

template <class Maths>
struct UnitWise {
  static constexpr int STATES = Maths::STATES, SLOTS = Maths::SLOTS, X_SLOT = Maths::X_SLOT, R_SLOT = Maths::R_SLOT;
  static constexpr int OWN = Maths::OWN, GATES = Maths::GATES, KEPT = Maths::KEPT;
  static constexpr const int* x_gate = Maths::x_gate;
  static int64_t kept_size(const Sizes& z) { return KEPT * z.H; }
  static int64_t forward_more(const Sizes&) { return 0; }
  static int64_t backward_more(const Sizes&) { return 0; }

  static void forward(Forward& f) {
    const Sizes& z = f.z;
    float* r_part = f.product_of_block.get();
    const Numbers h = f.operand(f.h);
    for (int64_t block = f.first_block(); block < f.last_block(); block++) {
      f.recurrent(block, 0, GATES, h, r_part);
      for (int64_t i = 0; i < f.rows; i++) {
        const float *x = f.x_part(block, i), *r = r_part + i * GATES * z.NB;
        float* kept = f.kept_h ? f.kept_of(block, i) : nullptr;
        for (int64_t j = 0; j < z.NB; j += kLanes) {
          const int64_t unit = block * z.NB + j;
          V xs[GATES], rs[GATES], s[STATES], own[OWN + 1], values[KEPT];
          for (int g = 0; g < GATES; g++) {
            xs[g] = load(x + g * z.NB + j) + load(f.bias + g * z.H + unit);
            rs[g] = load(r + g * z.NB + j);
          }
          for (int p = 0; p < OWN; p++) own[p] = load(f.own + p * z.H + unit);
          s[0] = load(f.h + i * z.ld + unit);
          if constexpr (STATES > 1) s[1] = load(f.c + i * z.H + unit);
          Maths::step(xs, rs, s, own, values);
          s[0].store(f.h_next + i * z.ld + unit);
          s[0].store(f.out_row[i] + unit);
          if constexpr (STATES > 1) s[1].store(f.c + i * z.H + unit);
          if (kept)
            for (int k = 0; k < KEPT; k++) values[k].store(kept + k * z.NB + j);
        }
      }
    }
  }

  static void backward(Backward& b) {
    const Sizes& z = b.z;
    for (int64_t block = b.first_block(); block < b.last_block(); block++) {
      for (int64_t i = 0; i < b.rows; i++) {
        const float *kept = b.kept_of(block, i), *h = keeps_h_after<UnitWise> ? nullptr : b.h_before(i);
        float* slots = b.da + (b.s.first[b.t] + i) * SLOTS * z.H;
        for (int64_t j = 0; j < z.NB; j += kLanes) {
          const int64_t unit = block * z.NB + j;
          V values[KEPT], own[OWN + 1], ds[STATES], da[SLOTS], down[OWN + 1];
          for (int k = 0; k < KEPT; k++) values[k] = load(kept + k * z.NB + j);
          for (int p = 0; p < OWN; p++) own[p] = load(b.own + p * z.H + unit);
          ds[0] = load(b.dh + i * z.ld + unit) + load(b.grad_row[i] + unit);
          if constexpr (STATES > 1) ds[1] = load(b.dc + i * z.H + unit);
          Maths::back(values, h ? load(h + unit) : V(0.f), ds, own, da, down);
          ds[0].store(b.dh + i * z.ld + unit);
          if constexpr (STATES > 1) ds[1].store(b.dc + i * z.H + unit);
          for (int k = 0; k < SLOTS; k++) {
            da[k].store(slots + k * z.H + unit);
            add_to(b.sums + k * z.H + unit, da[k]);
          }
          for (int g = 0; g < GATES; g++) da[R_SLOT + g].store(b.operand + i * b.width() + g * z.H + unit);
          for (int p = 0; p < OWN; p++) add_to(b.sums + (SLOTS + p) * z.H + unit, down[p]);
        }
      }
    }
    b.member.meet();
    b.recurrent(0, GATES, b.dh, true);
  }
};

template <bool relu>
constexpr bool keeps_h_after<UnitWise<RNN<relu>>> = true;

// The GRU of 2014: the candidate's recurrent product waits for r ⊙ h.
struct GRUBefore {
  static constexpr int GATES = 3, STATES = 1, KEPT = 4, OWN = 0, SLOTS = 3, X_SLOT = 0, R_SLOT = 0;
  static constexpr int gates[] = {0, 1, 2};
  static constexpr const int* x_gate = gates;
  static int64_t kept_size(const Sizes& z) { return KEPT * z.H; }  // z, r, n, r ⊙ h
  static int64_t forward_more(const Sizes& z) { return z.ld + z.H; }
  static int64_t backward_more(const Sizes& z) { return z.ld; }

  static void forward(Forward& f) {
    const Sizes& z = f.z;
    float *reset_h = f.shared.more.get(), *update = reset_h + f.s.size() * z.ld;
    float* part = f.product_of_block.get();
    const Numbers h = f.operand(f.h);
    for (int64_t block = f.first_block(); block < f.last_block(); block++) {
      f.recurrent(block, 0, 2, h, part);
      for (int64_t i = 0; i < f.rows; i++) {
        const float *x = f.x_part(block, i), *r = part + i * 2 * z.NB;
        for (int64_t j = 0; j < z.NB; j += kLanes) {
          const int64_t unit = block * z.NB + j;
          const V gate = sigmoid(load(x + j) + load(f.bias + unit) + load(r + j));
          const V reset = sigmoid(load(x + z.NB + j) + load(f.bias + z.H + unit) + load(r + z.NB + j));
          const V product = reset * load(f.h + i * z.ld + unit);
          gate.store(update + i * z.H + unit);
          product.store(reset_h + i * z.ld + unit);
          if (f.kept_h) {
            float* kept = f.kept_of(block, i) + j;
            gate.store(kept), reset.store(kept + z.NB), product.store(kept + 3 * z.NB);
          }
        }
      }
    }
    f.member.meet();
    const Numbers reset = f.operand(reset_h);
    for (int64_t block = f.first_block(); block < f.last_block(); block++) {
      f.recurrent(block, 2, 1, reset, part);
      for (int64_t i = 0; i < f.rows; i++) {
        const float* x = f.x_part(block, i) + 2 * z.NB;
        for (int64_t j = 0; j < z.NB; j += kLanes) {
          const int64_t unit = block * z.NB + j;
          const V n = tanh(load(x + j) + load(f.bias + 2 * z.H + unit) + load(part + i * z.NB + j));
          const V h = load(f.h + i * z.ld + unit);
          const V next = h + load(update + i * z.H + unit) * (n - h);
          next.store(f.h_next + i * z.ld + unit);
          next.store(f.out_row[i] + unit);
          if (f.kept_h) n.store(f.kept_of(block, i) + 2 * z.NB + j);
        }
      }
    }
  }

  static void backward(Backward& b) {
    const Sizes& z = b.z;
    float* d_reset_h = b.shared.more.get();
    const auto put = [&](int64_t i, int slot, int64_t unit, V value) {
      value.store(b.da + ((b.s.first[b.t] + i) * SLOTS + slot) * z.H + unit);
      value.store(b.operand + i * b.width() + slot * z.H + unit);
      add_to(b.sums + slot * z.H + unit, value);
    };
    for (int64_t block = b.first_block(); block < b.last_block(); block++)
      for (int64_t i = 0; i < b.rows; i++)
        for (int64_t j = 0; j < z.NB; j += kLanes) {
          const int64_t unit = block * z.NB + j;
          const float* kept = b.kept_of(block, i) + j;
          const V gate = load(kept), n = load(kept + 2 * z.NB);
          const V h = load(b.h_before(i) + unit);
          const V dh = load(b.dh + i * z.ld + unit) + load(b.grad_row[i] + unit);
          put(i, 0, unit, dh * (n - h) * slope_of_sigmoid(gate));
          put(i, 2, unit, dh * gate * slope_of_tanh(n));
          (dh * (V(1.f) - gate)).store(b.dh + i * z.ld + unit);
        }
    b.member.meet();
    b.recurrent(2, 1, d_reset_h, false);
    for (int64_t block = b.first_block(); block < b.last_block(); block++) {
      for (int64_t i = 0; i < b.rows; i++)
        for (int64_t j = 0; j < z.NB; j += kLanes) {
          const int64_t unit = block * z.NB + j;
          const V reset = load(b.kept_of(block, i) + z.NB + j), grad = load(d_reset_h + i * z.ld + unit);
          put(i, 1, unit, grad * load(b.h_before(i) + unit) * slope_of_sigmoid(reset));
          add_to(b.dh + i * z.ld + unit, grad * reset);
        }
    }
    b.member.meet();
    b.recurrent(0, 2, b.dh, true);
  }
};

// ---- LSTM with layer normalisation: of all input parts, of all recurrent parts, and of the new cell state ----

struct LayerNormLSTM {
  static constexpr int GATES = 4, STATES = 2, OWN = 14, SLOTS = 8, X_SLOT = 0, R_SLOT = 4;
  static constexpr int gates[] = {0, 1, 2, 3};
  static constexpr const int* x_gate = gates;
  // Own parameters: gains of x and r and shifts of the gates, 4 each, then gain and shift of the cell state.
  static constexpr int GAIN_X = 0, GAIN_R = 4, SHIFT = 8, GAIN_C = 12, SHIFT_C = 13;
  // Kept: normalised x and r, and the gates, 4 each; cell state before, and the new one normalised.
  static constexpr int XN = 0, RN = 4, GATE = 8, BEFORE = 12, CN = 13, KEPT = 14;
  static constexpr float kEpsilon = 1e-5f;
  static int64_t kept_size(const Sizes& z) { return KEPT * z.H + 16 * z.blocks; }  // 1/deviation of x, r, c at the end
  static int64_t forward_more(const Sizes& z) { return z.G * z.H + z.H; }
  static int64_t backward_more(const Sizes& z) { return 5 * z.H + 6 * 64; }

  struct Moments {
    float mean, scale;  // scale: 1 / deviation
  };
  // Of the values at(piece, 0 to gates·width), each piece holding `width` units of each gate.
  template <class At>
  static Moments moments(int64_t pieces, int64_t width, int64_t gates, int64_t units, const At& at) {
    const float count = gates * units;
    V sum(0.f), squares(0.f);
    for (int64_t n = 0; n < pieces; n++)
      for (int64_t j = 0; j < gates * width; j += kLanes) sum = sum + at(n, j);
    const float mean = total(sum) / count;
    for (int64_t n = 0; n < pieces; n++)
      for (int64_t j = 0; j < gates * width; j += kLanes) {
        const int64_t left = units - (n * width + j % width);  // units from here on that are no padding
        V v = at(n, j) - V(mean);
        if (left < kLanes) v = V::set(V(0.f), v, std::max<int64_t>(left, 0));
        squares = at::vec::fmadd(v, v, squares);
      }
    return {mean, 1.f / std::sqrt(total(squares) / count + kEpsilon)};
  }
  static float total(V v) {
    float lanes[kLanes], sum = 0.f;
    v.store(lanes);
    for (float lane : lanes) sum += lane;
    return sum;
  }

  static void forward(Forward& f) {
    const Sizes& z = f.z;
    const int64_t width = GATES * z.NB, spread = f.s.size() * width;
    float *r_parts = f.shared.more.get(), *output = r_parts + z.blocks * spread;
    const Numbers h = f.operand(f.h);
    for (int64_t block = f.first_block(); block < f.last_block(); block++)
      f.recurrent(block, 0, GATES, h, r_parts + block * spread);
    f.member.meet();
    for (int64_t i = 0; i < f.rows; i++) {
      const auto x_at = [&](int64_t block, int64_t j) {
        return load(f.x_part(block, i) + j) + load(f.bias + j / z.NB * z.H + block * z.NB + j % z.NB);
      };
      const auto r_at = [&](int64_t block, int64_t j) { return load(r_parts + block * spread + i * width + j); };
      const Moments x = moments(z.blocks, z.NB, GATES, z.units, x_at);
      const Moments r = moments(z.blocks, z.NB, GATES, z.units, r_at);
      for (int64_t block = f.first_block(); block < f.last_block(); block++) {
        float* kept = f.kept_h ? f.kept_of(block, i) : nullptr;
        if (kept) kept[KEPT * z.NB] = x.scale, kept[KEPT * z.NB + 1] = r.scale;
        for (int64_t j = 0; j < z.NB; j += kLanes) {
          const int64_t unit = block * z.NB + j;
          V a[GATES];
          for (int g = 0; g < GATES; g++) {
            const V xn = (x_at(block, g * z.NB + j) - V(x.mean)) * V(x.scale);
            const V rn = (r_at(block, g * z.NB + j) - V(r.mean)) * V(r.scale);
            a[g] = load(f.own + (GAIN_X + g) * z.H + unit) * xn + load(f.own + (GAIN_R + g) * z.H + unit) * rn +
                   load(f.own + (SHIFT + g) * z.H + unit);
            if (kept) xn.store(kept + (XN + g) * z.NB + j), rn.store(kept + (RN + g) * z.NB + j);
          }
          a[0] = sigmoid(a[0]), a[1] = sigmoid(a[1]), a[2] = tanh(a[2]), a[3] = sigmoid(a[3]);
          float* c = f.c + i * z.H + unit;
          if (kept) {
            for (int g = 0; g < GATES; g++) a[g].store(kept + (GATE + g) * z.NB + j);
            load(c).store(kept + BEFORE * z.NB + j);
          }
          (a[1] * load(c) + a[0] * a[2]).store(c);
          a[3].store(output + i * z.H + unit);
        }
      }
    }
    f.member.meet();
    for (int64_t i = 0; i < f.rows; i++) {
      const float* c = f.c + i * z.H;
      const Moments m = moments(1, z.H, 1, z.units, [&](int64_t, int64_t j) { return load(c + j); });
      for (int64_t block = f.first_block(); block < f.last_block(); block++) {
        float* kept = f.kept_h ? f.kept_of(block, i) : nullptr;
        if (kept) kept[KEPT * z.NB + 2] = m.scale;
        for (int64_t j = 0; j < z.NB; j += kLanes) {
          const int64_t unit = block * z.NB + j;
          const V cn = (load(c + unit) - V(m.mean)) * V(m.scale);
          if (kept) cn.store(kept + CN * z.NB + j);
          const V y = load(f.own + GAIN_C * z.H + unit) * cn + load(f.own + SHIFT_C * z.H + unit);
          const V h = load(output + i * z.H + unit) * tanh(y);
          h.store(f.h_next + i * z.ld + unit);
          h.store(f.out_row[i] + unit);
        }
      }
    }
  }

  static void backward(Backward& b) {
    const Sizes& z = b.z;
    const int64_t rows = b.s.size();
    float *d_cn = b.shared.more.get(), *d_gates = d_cn + rows * z.H, *partial = d_gates + rows * 4 * z.H;
    // Sums over a row's units: each member adds up its own, all read all of them. 6 floats for each member.
    const auto sums_of = [&](int64_t i, int64_t member) { return partial + (i * 64 + member) * 6; };
    const auto row_sum = [&](int64_t i, int which) {
      float sum = 0.f;
      for (int64_t m = 0; m < b.member.size; m++) sum += sums_of(i, m)[which];
      return sum;
    };
    for (int64_t i = 0; i < b.rows; i++) {
      V plain(0.f), with(0.f);
      for (int64_t block = b.first_block(); block < b.last_block(); block++) {
        const float* kept = b.kept_of(block, i);
        for (int64_t j = 0; j < z.NB; j += kLanes) {
          const int64_t unit = block * z.NB + j;
          const V o = load(kept + (GATE + 3) * z.NB + j), cn = load(kept + CN * z.NB + j);
          const V gain = load(b.own + GAIN_C * z.H + unit);
          const V t = tanh(gain * cn + load(b.own + SHIFT_C * z.H + unit));
          const V dh = load(b.dh + i * z.ld + unit) + load(b.grad_row[i] + unit);
          const V dy = dh * o * slope_of_tanh(t), d = dy * gain;
          add_to(b.sums + (SLOTS + GAIN_C) * z.H + unit, dy * cn);
          add_to(b.sums + (SLOTS + SHIFT_C) * z.H + unit, dy);
          d.store(d_cn + i * z.H + unit);
          (dh * t * slope_of_sigmoid(o)).store(d_gates + (i * 4 + 3) * z.H + unit);
          plain = plain + d, with = at::vec::fmadd(d, cn, with);
        }
      }
      sums_of(i, b.member.number)[0] = total(plain), sums_of(i, b.member.number)[1] = total(with);
    }
    b.member.meet();
    for (int64_t i = 0; i < b.rows; i++) {
      const V mean(row_sum(i, 0) / z.units), slope(row_sum(i, 1) / z.units);
      V sums[4] = {V(0.f), V(0.f), V(0.f), V(0.f)};
      for (int64_t block = b.first_block(); block < b.last_block(); block++) {
        const float* kept = b.kept_of(block, i);
        const V scale(kept[KEPT * z.NB + 2]);
        for (int64_t j = 0; j < z.NB; j += kLanes) {
          const int64_t unit = block * z.NB + j;
          const V in = load(kept + GATE * z.NB + j), forget = load(kept + (GATE + 1) * z.NB + j);
          const V g = load(kept + (GATE + 2) * z.NB + j), before = load(kept + BEFORE * z.NB + j);
          const V cn = load(kept + CN * z.NB + j);
          float* dc_at = b.dc + i * z.H + unit;
          const V dc = load(dc_at) + scale * (load(d_cn + i * z.H + unit) - mean - cn * slope);
          (dc * forget).store(dc_at);
          float* d_gate = d_gates + i * 4 * z.H + unit;
          const V da[GATES] = {dc * g * slope_of_sigmoid(in), dc * before * slope_of_sigmoid(forget),
                               dc * in * slope_of_tanh(g), load(d_gate + 3 * z.H)};
          for (int k = 0; k < GATES; k++) {
            const V xn = load(kept + (XN + k) * z.NB + j), rn = load(kept + (RN + k) * z.NB + j);
            const V dx = da[k] * load(b.own + (GAIN_X + k) * z.H + unit);
            const V dr = da[k] * load(b.own + (GAIN_R + k) * z.H + unit);
            add_to(b.sums + (SLOTS + GAIN_X + k) * z.H + unit, da[k] * xn);
            add_to(b.sums + (SLOTS + GAIN_R + k) * z.H + unit, da[k] * rn);
            add_to(b.sums + (SLOTS + SHIFT + k) * z.H + unit, da[k]);
            sums[0] = sums[0] + dx, sums[1] = at::vec::fmadd(dx, xn, sums[1]);
            sums[2] = sums[2] + dr, sums[3] = at::vec::fmadd(dr, rn, sums[3]);
            da[k].store(d_gate + k * z.H);
          }
        }
      }
      for (int k = 0; k < 4; k++) sums_of(i, b.member.number)[2 + k] = total(sums[k]);
    }
    b.member.meet();
    for (int64_t i = 0; i < b.rows; i++) {
      const float count = GATES * z.units;
      const V x_mean(row_sum(i, 2) / count), x_slope(row_sum(i, 3) / count);
      const V r_mean(row_sum(i, 4) / count), r_slope(row_sum(i, 5) / count);
      float* slots = b.da + (b.s.first[b.t] + i) * SLOTS * z.H;
      for (int64_t block = b.first_block(); block < b.last_block(); block++) {
        const float* kept = b.kept_of(block, i);
        const V x_scale(kept[KEPT * z.NB]), r_scale(kept[KEPT * z.NB + 1]);
        for (int64_t j = 0; j < z.NB; j += kLanes) {
          const int64_t unit = block * z.NB + j;
          for (int k = 0; k < GATES; k++) {
            const V da = load(d_gates + (i * 4 + k) * z.H + unit);
            const V dx = x_scale * (da * load(b.own + (GAIN_X + k) * z.H + unit) - x_mean -
                                    load(kept + (XN + k) * z.NB + j) * x_slope);
            const V dr = r_scale * (da * load(b.own + (GAIN_R + k) * z.H + unit) - r_mean -
                                    load(kept + (RN + k) * z.NB + j) * r_slope);
            dx.store(slots + (X_SLOT + k) * z.H + unit);
            dr.store(slots + (R_SLOT + k) * z.H + unit);
            dr.store(b.operand + i * b.width() + k * z.H + unit);
            add_to(b.sums + (X_SLOT + k) * z.H + unit, dx);
          }
          V(0.f).store(b.dh + i * z.ld + unit);
        }
      }
    }
    b.member.meet();
    b.recurrent(0, GATES, b.dh, true);
  }
};

// ---- Whole layers ----

template <class Visit>
auto visit_cell(c10::string_view name, const Visit& visit) {
  if (name == "rnn-tanh") return visit(UnitWise<RNN<false>>());
  if (name == "rnn-relu") return visit(UnitWise<RNN<true>>());
  if (name == "lstm") return visit(UnitWise<LSTM>());
  if (name == "lstm-peephole") return visit(UnitWise<PeepholeLSTM>());
  if (name == "lstm-coupled") return visit(UnitWise<CoupledLSTM>());
  if (name == "lstm-layer-norm") return visit(LayerNormLSTM());
  if (name == "gru-after") return visit(UnitWise<GRU>());
  if (name == "gru-before") return visit(GRUBefore());
  TORCH_CHECK(false, "no native kernel for cell '", std::string(name), "'");
}

void check(const Tensor& t, const char* name, at::IntArrayRef sizes, at::ScalarType type = at::kFloat) {
  TORCH_CHECK(t.scalar_type() == type && t.device().is_cpu(), name, " must be ", type, " on the CPU");
  TORCH_CHECK(t.sizes() == sizes, name, " must be ", sizes, ", not ", t.sizes());
}

void check_sizes(const Sizes& z, int64_t slices, int64_t team) {
  TORCH_CHECK(!z.bf16 || has_bf16(), "this processor has no bfloat16 products");
  TORCH_CHECK(z.H % 16 == 0 && z.units <= z.H && z.D <= 2, "hidden size or directions do not fit");
  TORCH_CHECK(slices >= 1 && team >= 1 && team <= 64, "slices and team must be at least 1, team at most 64");
}

template <class Cell>
Sizes check_all(const Tensor& x, const Tensor& weight_x, const Tensor& weight_h, const Tensor& bias, const Tensor& own,
                int64_t units, bool bf16, int64_t slices, int64_t team) {
  TORCH_CHECK(x.dim() == 3 && weight_h.dim() == 3, "x must be (B, T, I), weight_h (D, G·H, H)");
  const Sizes z(x.size(0), x.size(1), x.size(2), weight_h.size(0), Cell::GATES, weight_h.size(2), units, bf16);
  check_sizes(z, slices, team);
  check(x, "x", {z.B, z.T, z.I});
  check(weight_h, "weight_h", {z.D, z.G * z.H, z.H});
  check(weight_x, "weight_x", {z.D, z.G * z.H, z.I});
  check(bias, "bias", {z.D, z.G * z.H});
  check(own, "own", {z.D, Cell::OWN, z.H});
  return z;
}

Tensor pack(const Tensor& weight_x, const Tensor& weight_h, bool bf16) {
  const int64_t D = weight_h.size(0), H = weight_h.size(2), G = weight_h.size(1) / H, I = weight_x.size(2);
  const Tensor wx = weight_x.contiguous(), wh = weight_h.contiguous();
  check(wh, "weight_h", {D, G * H, H});
  check(wx, "weight_x", {D, G * H, I});
  if (bf16) {
    Tensor packed = at::empty({D * G * H * (even(I) + H)}, wx.options().dtype(at::kBFloat16));
    pack_rows(wx.const_data_ptr<float>(), D, G, H, I, packed.mutable_data_ptr<Half>());
    pack_rows(wh.const_data_ptr<float>(), D, G, H, H, packed.mutable_data_ptr<Half>() + D * G * H * even(I));
    return packed;
  }
  Tensor packed = at::empty({D * G * H * (I + H)}, wx.options());
  pack_rows(wx.const_data_ptr<float>(), D, G, H, I, packed.mutable_data_ptr<float>());
  pack_rows(wh.const_data_ptr<float>(), D, G, H, H, packed.mutable_data_ptr<float>() + D * G * H * I);
  return packed;
}

// The numbers of a tensor from element n on.
Numbers numbers(const Tensor& t, int64_t n) {
  if (t.scalar_type() == at::kBFloat16) return {nullptr, t.const_data_ptr<Half>() + n};
  return {t.const_data_ptr<float>() + n, nullptr};
}

// Rows of kept_h in a direction.
template <class Cell>
int64_t h_rows(const Sizes& z) {
  return keeps_h_after<Cell> ? z.B : z.B * z.T;
}

// What forward is to keep for backward, of all directions; nothing if it is null.
struct Kept {
  float *h = nullptr, *values = nullptr;
};

// vectors (D, GATES + OWN, H): the biases, then the cell's own parameters. Members of a team share a slice.
template <class Cell>
void run_forward(const Sizes& z, const Plan& plan, int64_t team, const Tensor& x, const Numbers& packed,
                 const float* vectors, const float* h, const float* c, Tensor& out, float* final_h, float* final_c,
                 const Kept& keep = {}) {
  const int64_t slices = plan.slices.size(), rows = z.B * z.T, gates = z.G * z.H, kept_size = Cell::kept_size(z);
  std::vector<std::unique_ptr<ForwardScratch>> scratch;
  for (int64_t item = 0; item < z.D * slices; item++)
    scratch.push_back(std::make_unique<ForwardScratch>(z, plan.slices[item / z.D], Cell::STATES, Cell::forward_more(z)));
  run_in_teams(z.D * slices, team, z.bf16, [&](int64_t item, const Member& member) {
    const int64_t d = item % z.D;
    const float* bias = vectors + d * (z.G + Cell::OWN) * z.H;
    Forward loop{z, plan.slices[item / z.D], member, d, x.const_data_ptr<float>(),
                 packed + d * gates * z.inputs(), packed + gates * (z.D * z.inputs() + d * z.H),
                 bias, bias + gates, {h, c}, out.mutable_data_ptr<float>(), {final_h, final_c},
                 keep.h ? keep.h + d * h_rows<Cell>(z) * z.H : nullptr, keep.h ? keep.values + d * rows * kept_size : nullptr,
                 kept_size, *scratch[item]};
    loop.template run<Cell>();
  });
}

using Forwarded = std::tuple<Tensor, Tensor, Tensor, Tensor>;

Forwarded forward(c10::string_view cell, const Tensor& x, const optional<Tensor>& lengths, const Tensor& weight_x,
                  const Tensor& weight_h, const Tensor& bias, const Tensor& own, const Tensor& state_, int64_t units,
                  bool bf16, int64_t slices, int64_t team) {
  return visit_cell(cell, [&](auto kind) -> Forwarded {
    using Cell = decltype(kind);
    const Sizes z = check_all<Cell>(x, weight_x, weight_h, bias, own, units, bf16, slices, team);
    check(state_, "state", {Cell::STATES, z.B, z.D, z.H});
    const Tensor state = state_.contiguous(), vectors = at::cat({bias.reshape({z.D, z.G, z.H}), own}, 1);
    Tensor out = at::empty({z.B, z.T, z.D * z.H}, x.options()), final = at::empty(state.sizes(), x.options());
    Tensor kept_h = in_large_pages(at::empty({z.D, h_rows<Cell>(z), z.H}, x.options()));
    Tensor kept = in_large_pages(at::empty({z.D, z.B * z.T, Cell::kept_size(z)}, x.options()));
    const float* h = state.const_data_ptr<float>();
    float* final_h = final.mutable_data_ptr<float>();
    const int64_t c = Cell::STATES > 1 ? z.B * z.D * z.H : 0;  // where c lies behind h
    const Tensor packed = pack(weight_x, weight_h, bf16);
    run_forward<Cell>(z, make_plan(lengths, z.B, z.T, slices), team, x.contiguous(), numbers(packed, 0),
                      vectors.const_data_ptr<float>(), h, h + c, out, final_h, final_h + c,
                      {kept_h.mutable_data_ptr<float>(), kept.mutable_data_ptr<float>()});
    return {out, final, kept_h, kept};
  });
}

// States given to a cell: h and c (B, n, H), both or neither; c is of no account to a cell whose only state is h.
struct States {
  Tensor h, c;
  States(const optional<Tensor>& given_h, const optional<Tensor>& given_c, bool two, at::IntArrayRef sizes) {
    if (!given_h) return;
    h = given_h->contiguous();
    check(h, "h", sizes);
    if (!two) return;
    TORCH_CHECK(given_c, "c must be given with h");
    c = given_c->contiguous();
    check(c, "c", sizes);
  }
  const float* h_data(int64_t n) const { return h.defined() ? h.const_data_ptr<float>() + n : nullptr; }
  const float* c_data(int64_t n) const { return c.defined() ? c.const_data_ptr<float>() + n : nullptr; }
};

Tensor made(at::IntArrayRef sizes) { return at::detail::empty_cpu(sizes, at::kFloat); }

using Inferred = std::tuple<Tensor, Tensor, Tensor>;

// Forward alone, from packed weights, with nothing kept: an operator of its own, which autograd need not look at.
// c, given and returned, is empty for a cell whose only state is h; no state at all means zeros.
Inferred infer(c10::string_view cell, const Tensor& x_, const optional<Tensor>& lengths, const Tensor& packed,
               const Tensor& vectors, const optional<Tensor>& h_, const optional<Tensor>& c_, int64_t units,
               int64_t slices, int64_t team) {
  return visit_cell(cell, [&](auto kind) -> Inferred {
    using Cell = decltype(kind);
    TORCH_CHECK(x_.dim() == 3 && vectors.dim() == 3, "x must be (B, T, I), vectors (D, n, H)");
    constexpr bool two = Cell::STATES > 1;
    Sizes z(x_.size(0), x_.size(1), x_.size(2), vectors.size(0), Cell::GATES, vectors.size(2), units,
            packed.scalar_type() == at::kBFloat16);
    z.set_states(z.D);
    check_sizes(z, slices, team);
    check(x_, "x", x_.sizes());
    check(vectors, "vectors", {z.D, z.G + Cell::OWN, z.H});
    check(packed, "packed", {z.D * z.G * z.H * (z.inputs() + z.H)}, packed.scalar_type());
    TORCH_CHECK(packed.is_contiguous() && vectors.is_contiguous(), "packed weights must lie side by side");
    const States given(h_, c_, two, {z.B, z.D, units});
    Tensor out = made({z.B, z.T, z.D * z.H}), h = made({z.B, z.D, units}), c = two ? made({z.B, z.D, units}) : made({0});
    run_forward<Cell>(z, make_plan(lengths, z.B, z.T, slices), team, x_.contiguous(), numbers(packed, 0),
                      vectors.const_data_ptr<float>(), given.h_data(0), given.c_data(0), out, h.mutable_data_ptr<float>(), c.mutable_data_ptr<float>());
    return {out, h, c};
  });
}

// One time step through all L layers of a stack: x (B, I), h and c (B, L, units). The packed weights of the layers lie
// one after another; vectors (L, GATES + OWN, H).
Inferred step(c10::string_view cell, const Tensor& x_, const Tensor& packed, const Tensor& vectors,
              const optional<Tensor>& h_, const optional<Tensor>& c_, int64_t units, int64_t slices, int64_t team) {
  return visit_cell(cell, [&](auto kind) -> Inferred {
    using Cell = decltype(kind);
    constexpr bool two = Cell::STATES > 1;
    TORCH_CHECK(x_.dim() == 2 && vectors.dim() == 3 && vectors.size(0) > 0, "x must be (B, I), vectors (L, n, H)");
    const int64_t B = x_.size(0), I = x_.size(1), L = vectors.size(0), H = vectors.size(2);
    Sizes first(B, 1, I, 1, Cell::GATES, H, units, packed.scalar_type() == at::kBFloat16);
    first.set_states(L);
    Sizes next = first;
    next.I = units;
    check_sizes(first, slices, team);
    check(x_, "x", {B, I});
    check(vectors, "vectors", {L, Cell::GATES + Cell::OWN, H});
    check(packed, "packed", {Cell::GATES * H * (first.inputs() + L * H + (L - 1) * next.inputs())}, packed.scalar_type());
    TORCH_CHECK(packed.is_contiguous() && vectors.is_contiguous(), "packed weights must lie side by side");
    const States given(h_, c_, two, {B, L, units});
    const Plan plan = make_plan({}, B, 1, slices);
    Tensor x = x_.contiguous(), out, h = made({B, L, units}), c = two ? made({B, L, units}) : made({0});
    float *final_h = h.mutable_data_ptr<float>(), *final_c = c.mutable_data_ptr<float>();
    for (int64_t l = 0, from = 0; l < L; l++) {
      const Sizes& z = l ? next : first;
      out = made({B, H});
      run_forward<Cell>(z, plan, team, x, numbers(packed, from), vectors.const_data_ptr<float>() + l * vectors.stride(0),
                        given.h_data(l * units), given.c_data(l * units), out, final_h + l * units,
                        final_c + (two ? l * units : 0));
      from += z.G * H * (z.inputs() + H);
      x = units == H ? out : out.narrow(1, 0, units).contiguous();
    }
    return {x, h, c};
  });
}

// ---- Products over all time steps ----

// For each packed row of a direction, its place among the B·T rows of a batch.
std::vector<int64_t> places(const Plan& plan, int64_t T, bool reverse) {
  std::vector<int64_t> found(plan.total);
  for (const Slice& s : plan.slices)
    for (int64_t t = 0; t < s.steps(); t++)
      for (int64_t i = 0; i < s.rows[t]; i++)
        found[s.first[t] + i] = s.sequence[i] * T + time_of(t, s.length[i], reverse);
  return found;
}

// For each packed row of a direction, h before its step.
template <class Cell>
std::vector<const float*> rows_before(const Plan& plan, int64_t H, const float* kept_h, const float* kept) {
  std::vector<const float*> found(plan.total);
  for (const Slice& s : plan.slices)
    for (int64_t t = 0; t < s.steps(); t++)
      for (int64_t i = 0; i < s.rows[t]; i++) {
        const int64_t row = s.first[t] + i;
        if (!keeps_h_after<Cell>)
          found[row] = kept_h + row * H;
        else
          found[row] = t ? kept + (s.first[t - 1] + i) * H : kept_h + s.sequence[i] * H;
      }
  return found;
}

// Rows in blocks of 64 columns, so that a product reads them one after another: (N / 64, rows, 64), or for bfloat16
// (N / 64, rows / 2, 64, 2). They are set two at a time; a last one alone has zeros beside it.
struct ColumnBlocks {
  int64_t rows, columns;
  bool bf16;
  Buffer full = buffer(bf16 ? 0 : even(rows) * columns);
  HalfBuffer half{bf16 ? new Half[even(rows) * columns] : nullptr};
  int64_t width(int64_t column) const { return std::min<int64_t>(64, columns - column); }
  Numbers at(int64_t row, int64_t column) const {
    return Numbers{full.get(), half.get()} + (column * even(rows) + row * width(column));
  }
  void set(int64_t row, const float* first, const float* second) const {
    for (int64_t n = 0; n < columns; n += 64) {
      const int64_t to = n * even(rows) + row * width(n);
      if (bf16) {
        round_pair(first + n, second + n, width(n), half.get() + to);
      } else {
        std::memcpy(full.get() + to, first + n, width(n) * sizeof(float));
        std::memcpy(full.get() + to + width(n), second + n, width(n) * sizeof(float));
      }
    }
  }
};

// C (M, N) = A^T B for A (K, M) and B (K, N): a tile of A is turned round, then used for all of B's columns.
struct TransposedProduct {
  const ColumnBlocks& B;
  float* C;
};

constexpr int64_t kSumRows = 256;  // rows of A and B that are summed over at a time

void transposed_products(int64_t K, int64_t M, const float* A, int64_t lda, bool bf16,
                         const std::vector<TransposedProduct>& products) {
  constexpr int64_t ld = kSumRows + 16;
  const Buffer turned = buffer(M * ld);
  const HalfBuffer rounded = half_buffer(bf16 ? M * ld : 0);
  for (int64_t k = 0; k < K; k += kSumRows) {
    const int64_t rows = std::min(kSumRows, K - k);
    for (int64_t n = 0; n < rows; n += 16)
      for (int64_t m = 0; m < M; m += 16)
        at::vec::transpose_mxn<float>(A + (k + n) * lda + m, lda, turned.get() + m * ld + n, ld,
                                      std::min<int64_t>(16, rows - n), 16);
    for (int64_t m = 0; bf16 && m < M; m++) {
      if (rows % 2) turned[m * ld + rows] = 0.f;
      round_row(turned.get() + m * ld, even(rows), rounded.get() + m * ld);
    }
    for (const TransposedProduct& p : products)
      for (int64_t n = 0; n < p.B.columns; n += 64)
        product_of_rows(M, p.B.width(n), bf16 ? even(rows) : rows, {turned.get(), rounded.get()}, ld,
                        p.B.at(k, n), p.B.width(n), p.C + n, p.B.columns, k > 0);
  }
}

// The gradients of the weights of one direction.
template <class Cell>
void weight_gradients(const Sizes& z, const Plan& plan, const std::vector<int64_t>& place, const float* x,
                      const float* da, const float* kept_h, const float* kept, float* grad_weight_x,
                      float* grad_weight_h) {
  constexpr bool waits = std::is_same_v<Cell, GRUBefore>;
  const ColumnBlocks x_rows{plan.total, z.I, z.bf16}, h_rows{plan.total, z.H, z.bf16};
  const ColumnBlocks reset_h_rows{waits ? plan.total : 0, z.H, z.bf16};
  const std::vector<const float*> before = rows_before<Cell>(plan, z.H, kept_h, kept);
  const std::vector<float> zeros(std::max(z.I, z.H), 0.f);
  at::parallel_for(0, even(plan.total) / 2, 32, [&](int64_t begin, int64_t end) {
    const Buffer reset_h = buffer(2 * z.H);
    for (int64_t row = 2 * begin; row < std::min(2 * end, plan.total); row += 2) {
      const bool two = row + 1 < plan.total;
      x_rows.set(row, x + place[row] * z.I, two ? x + place[row + 1] * z.I : zeros.data());
      h_rows.set(row, before[row], two ? before[row + 1] : zeros.data());
      if (!waits) continue;
      for (int64_t i = 0; i < 1 + two; i++)
        for (int64_t block = 0; block < z.blocks; block++)
          std::memcpy(reset_h.get() + i * z.H + block * z.NB, kept + (((row + i) * z.blocks + block) * 4 + 3) * z.NB,
                      z.NB * sizeof(float));
      reset_h_rows.set(row, reset_h.get(), two ? reset_h.get() + z.H : zeros.data());
    }
  });
  at::parallel_for(0, Cell::SLOTS * z.wide_blocks(), 1, [&](int64_t begin, int64_t end) {
    for (int64_t tile = begin; tile < end; tile++) {
      const int64_t slot = tile / z.wide_blocks(), unit = tile % z.wide_blocks() * z.wide;
      std::vector<TransposedProduct> products;
      if (const int64_t g = slot - Cell::X_SLOT; 0 <= g && g < Cell::GATES)
        products.push_back({x_rows, grad_weight_x + (Cell::x_gate[g] * z.H + unit) * z.I});
      if (const int64_t g = slot - Cell::R_SLOT; 0 <= g && g < Cell::GATES)
        products.push_back({waits && g == 2 ? reset_h_rows : h_rows, grad_weight_h + (g * z.H + unit) * z.H});
      transposed_products(plan.total, z.wide, da + slot * z.H + unit, Cell::SLOTS * z.H, z.bf16, products);
    }
    at::native::cpublas::brgemm_release(z.bf16);
  });
}

// Adds one direction's gradient of x, da_x W_x; the weights in blocks of 64 columns.
template <class Cell>
void input_gradient(const Sizes& z, const Plan& plan, const std::vector<int64_t>& place, bool add, const float* weight_x,
                    const float* da, float* grad_x) {
  const int64_t K = z.G * z.H;
  const ColumnBlocks weights{K, z.I, z.bf16};
  const auto row_of = [&](int64_t k) { return weight_x + (Cell::x_gate[k / z.H] * z.H + k % z.H) * z.I; };
  at::parallel_for(0, K / 2, 32, [&](int64_t begin, int64_t end) {
    for (int64_t k = 2 * begin; k < 2 * end; k += 2) weights.set(k, row_of(k), row_of(k + 1));
  });
  const int64_t tiles = (plan.total + kProductRows - 1) / kProductRows;
  at::parallel_for(0, tiles, 1, [&](int64_t begin, int64_t end) {
    const Buffer rows = buffer(kProductRows * z.I);
    const HalfBuffer rounded = half_buffer(z.bf16 ? kProductRows * K : 0);
    for (int64_t tile = begin; tile < end; tile++) {
      const int64_t first = tile * kProductRows, count = std::min(kProductRows, plan.total - first);
      const float* left = da + (first * Cell::SLOTS + Cell::X_SLOT) * z.H;
      for (int64_t i = 0; z.bf16 && i < count; i++) round_row(left + i * Cell::SLOTS * z.H, K, rounded.get() + i * K);
      for (int64_t n = 0; n < z.I; n += 64)
        product_of_rows(count, weights.width(n), K, {left, rounded.get()}, z.bf16 ? K : Cell::SLOTS * z.H,
                        weights.at(0, n), weights.width(n), rows.get() + n, z.I, false);
      for (int64_t i = 0; i < count; i++) {
        const float* from = rows.get() + i * z.I;
        float* to = grad_x + place[first + i] * z.I;
        if (add) {
          for (int64_t n = 0; n < z.I; n++) to[n] += from[n];
        } else {
          std::memcpy(to, from, z.I * sizeof(float));
        }
      }
    }
    at::native::cpublas::brgemm_release(z.bf16);
  });
}

using Gradients = std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor, Tensor>;

Gradients backward(c10::string_view cell, const Tensor& x_, const optional<Tensor>& lengths, const Tensor& weight_x_,
                   const Tensor& weight_h_, const Tensor& bias, const Tensor& own_, const Tensor& kept_h,
                   const Tensor& kept, const Tensor& grad_out_, const Tensor& grad_final_, int64_t units,
                   bool bf16, int64_t slices, int64_t team, bool need_x) {
  return visit_cell(cell, [&](auto kind) -> Gradients {
    using Cell = decltype(kind);
    const Sizes z = check_all<Cell>(x_, weight_x_, weight_h_, bias, own_, units, bf16, slices, team);
    const int64_t rows = z.B * z.T, kept_size = Cell::kept_size(z), gates = z.G * z.H;
    constexpr int64_t SLOTS = Cell::SLOTS, OWN = Cell::OWN;
    check(kept_h, "kept_h", {z.D, h_rows<Cell>(z), z.H});
    check(kept, "kept", {z.D, rows, kept_size});
    check(grad_out_, "grad_out", {z.B, z.T, z.D * z.H});
    check(grad_final_, "grad_final", {Cell::STATES, z.B, z.D, z.H});
    const Tensor x = x_.contiguous(), weight_x = weight_x_.contiguous(), weight_h = weight_h_.contiguous();
    const Tensor own = own_.contiguous(), grad_out = grad_out_.contiguous(), grad_final = grad_final_.contiguous();
    const Plan plan = make_plan(lengths, z.B, z.T, slices);
    Tensor packed = at::empty({z.D, gates * z.H}, x.options().dtype(bf16 ? at::kBFloat16 : at::kFloat));
    if (bf16)
      pack_columns(weight_h.const_data_ptr<float>(), z.D, gates, z.H, packed.mutable_data_ptr<Half>());
    else
      pack_columns(weight_h.const_data_ptr<float>(), z.D, gates, z.H, packed.mutable_data_ptr<float>());
    Tensor da = in_large_pages(at::empty({z.D, rows, SLOTS * z.H}, x.options()));
    Tensor sums = at::zeros({z.D, slices, (SLOTS + OWN) * z.H}, x.options());
    Tensor grad_state = at::empty(grad_final.sizes(), x.options());
    std::vector<std::unique_ptr<BackwardScratch>> scratch;
    for (int64_t item = 0; item < z.D * slices; item++)
      scratch.push_back(std::make_unique<BackwardScratch>(z, plan.slices[item / z.D], Cell::backward_more(z)));
    run_in_teams(z.D * slices, team, bf16, [&](int64_t item, const Member& member) {
      const int64_t d = item % z.D, s = item / z.D;
      Backward loop{z, plan.slices[s], member, d, numbers(packed, d * gates * z.H),
                    own.const_data_ptr<float>() + d * OWN * z.H, kept_h.const_data_ptr<float>() + d * h_rows<Cell>(z) * z.H,
                    kept.const_data_ptr<float>() + d * rows * kept_size, grad_out.const_data_ptr<float>(),
                    grad_final.const_data_ptr<float>(), da.mutable_data_ptr<float>() + d * rows * SLOTS * z.H,
                    sums.mutable_data_ptr<float>() + (d * slices + s) * (SLOTS + OWN) * z.H,
                    grad_state.mutable_data_ptr<float>(), kept_size, *scratch[item]};
      loop.template run<Cell>();
    });
    scratch.clear();
    Tensor grad_x = need_x ? (lengths ? at::zeros_like(x) : at::empty_like(x)) : Tensor();
    Tensor grad_weight_x = at::empty_like(weight_x), grad_weight_h = at::empty_like(weight_h);
    if (plan.total == 0) grad_weight_x.zero_(), grad_weight_h.zero_();
    for (int64_t d = 0; d < z.D; d++) {
      const std::vector<int64_t> place = places(plan, z.T, d == 1);
      const float* slots = da.const_data_ptr<float>() + d * rows * SLOTS * z.H;
      weight_gradients<Cell>(z, plan, place, x.const_data_ptr<float>(), slots,
                             kept_h.const_data_ptr<float>() + d * h_rows<Cell>(z) * z.H,
                             kept.const_data_ptr<float>() + d * rows * kept_size,
                             grad_weight_x.mutable_data_ptr<float>() + d * gates * z.I,
                             grad_weight_h.mutable_data_ptr<float>() + d * gates * z.H);
      if (need_x)
        input_gradient<Cell>(z, plan, place, d == 1, weight_x.const_data_ptr<float>() + d * gates * z.I, slots,
                             grad_x.mutable_data_ptr<float>());
    }
    const Tensor summed = sums.sum(1).view({z.D, SLOTS + OWN, z.H});
    Tensor grad_bias = at::empty({z.D, z.G, z.H}, x.options());
    for (int g = 0; g < Cell::GATES; g++) grad_bias.select(1, Cell::x_gate[g]).copy_(summed.select(1, Cell::X_SLOT + g));
    return {need_x ? grad_x : at::empty({0}, x.options()), grad_weight_x, grad_weight_h,
            grad_bias.view({z.D, gates}), summed.narrow(1, SLOTS, OWN).clone(at::MemoryFormat::Contiguous), grad_state};
  });
}

int64_t kept_floats(c10::string_view cell, int64_t H) {
  return visit_cell(cell, [&](auto kind) -> int64_t {
    const Sizes z(0, 0, 0, 1, decltype(kind)::GATES, H, H, false);
    return decltype(kind)::kept_size(z);
  });
}

}  // namespace

TORCH_LIBRARY(seqkit, m) {
  m.def("pack(Tensor weight_x, Tensor weight_h, bool bf16) -> Tensor");
  m.def("has_bf16() -> bool", &has_bf16);
  m.def("kept_floats(str cell, int hidden_size) -> int", &kept_floats);
  m.def(
      "forward(str cell, Tensor x, Tensor? lengths, Tensor weight_x, Tensor weight_h, Tensor bias, Tensor own, "
      "Tensor state, int units, bool bf16, int slices, int team) -> (Tensor, Tensor, Tensor, Tensor)");
  m.def(
      "infer(str cell, Tensor x, Tensor? lengths, Tensor packed, Tensor vectors, Tensor? h, Tensor? c, int units, "
      "int slices, int team) -> (Tensor, Tensor, Tensor)");
  m.def(
      "step(str cell, Tensor x, Tensor packed, Tensor vectors, Tensor? h, Tensor? c, int units, int slices, int team) -> "
      "(Tensor, Tensor, Tensor)");
  m.def(
      "backward(str cell, Tensor x, Tensor? lengths, Tensor weight_x, Tensor weight_h, Tensor bias, Tensor own, "
      "Tensor kept_h, Tensor kept, Tensor grad_out, Tensor grad_final, int units, bool bf16, int slices, int team, "
      "bool need_x) -> (Tensor, Tensor, Tensor, Tensor, Tensor, Tensor)");
}

TORCH_LIBRARY_IMPL(seqkit, CPU, m) {
  m.impl("pack", &pack);
  m.impl("forward", &forward);
  m.impl("infer", &infer);
  m.impl("step", &step);
  m.impl("backward", &backward);
}
