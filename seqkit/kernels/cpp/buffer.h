// Memory of the loops: scratch that is not cleared, and large pages for what training keeps.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/util/BFloat16.h>
#include <sys/mman.h>

#include <cstdint>
#include <memory>

namespace seqkit {

using BFloat16 = c10::BFloat16;
// Begins with a cache line, since vectors that lie across two take twice as long to load. The plain allocator is asked,
// and for more: the one for aligned memory takes several times as long.
class Buffer {
  public:
    Buffer() = default;
    explicit Buffer(int64_t size) : memory_(new float[size + 16]) {
        begin_ = reinterpret_cast<float*>((reinterpret_cast<uintptr_t>(memory_.get()) + 63) / 64 * 64);
    }
    float* get() const { return begin_; }
    float& operator[](int64_t n) const { return begin_[n]; }

  private:
    std::unique_ptr<float[]> memory_;
    float* begin_ = nullptr;
};
using BFloat16Buffer = std::unique_ptr<BFloat16[]>;

inline Buffer buffer(int64_t size) { return size ? Buffer(size) : Buffer(); }

// A part of a buffer that somebody else holds.
class Part {
  public:
    Part() = default;
    explicit Part(float* begin) : begin_(begin) {}
    float* get() const { return begin_; }

  private:
    float* begin_ = nullptr;
};

// Cuts parts of so many numbers from one buffer, each from the beginning of a cache line: a step of a small layer takes
// microseconds, of which one allocation for each part were a tenth.
template <int count>
Buffer buffer_of(const int64_t (&sizes)[count], Part* const (&parts)[count]) {
    const auto lines = [](int64_t size) { return (size + 15) / 16 * 16; };
    int64_t total = 0;
    for (int64_t size : sizes) total += lines(size);
    Buffer whole = buffer(total);
    float* next = whole.get();
    for (int n = 0; n < count; n++) *parts[n] = Part(next), next += lines(sizes[n]);
    return whole;
}

// Cleared, because rows may be shorter than the width that a product of bfloat16 reads.
inline BFloat16Buffer bfloat16_buffer(int64_t size) { return BFloat16Buffer(size ? new BFloat16[size]() : nullptr); }

// Asks for pages of 2 MB, where the system gives them, for a tensor that a loop is about to write: a page fault for
// each 4 kB costs more than the writing. At H = 512 a training step is 5 % faster for it.
inline at::Tensor in_large_pages(at::Tensor tensor) {
#ifdef MADV_HUGEPAGE
    constexpr uintptr_t page = 1 << 21;
    const uintptr_t start = reinterpret_cast<uintptr_t>(tensor.data_ptr());
    const uintptr_t begin = (start + page - 1) / page * page, end = (start + tensor.nbytes()) / page * page;
    if (begin < end) madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);
#endif
    return tensor;
}

}  // namespace seqkit
