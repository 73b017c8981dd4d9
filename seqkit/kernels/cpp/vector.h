// Vectors of float32, through torch's own class: as many lanes as the processor that the build was told of has.
#pragma once

#include <ATen/cpu/vec/vec.h>

#include <cstdint>

namespace seqkit {

using V = at::vec::Vectorized<float>;
using IntV = at::vec::Vectorized<int32_t>;

constexpr int64_t kLanes = V::size();

// Whether the right sides of products of float32 lie in panels of two vectors: all rows of 16 columns, then those of the
// next 16. A product with few registers then reads them straight through. With AVX2 it runs at 95 to 101 GFLOP/s for 8 to
// 32 rows at K = 128 to 512, oneDNN's on rows of 64 columns at 60 to 97, and the same loop on those at 70 to 98.
#ifdef CPU_CAPABILITY_AVX2
constexpr bool kPanels = true;
#else
constexpr bool kPanels = false;
#endif
constexpr int64_t kPanel = kPanels ? 2 * kLanes : 64;  // columns of the right side that a product takes at a time

inline V load(const float* from) { return V::loadu(from); }

inline void add_to(float* sum, V value) { (load(sum) + value).store(sum); }

// Vectors of a row of numbers: whole ones, and the lanes of a last one.
struct WholeVector {
    int64_t first;
    V load(const float* row) const { return V::loadu(row + first); }
    void store(V value, float* row) const { value.store(row + first); }
    void add(V value, float* row) const { store(load(row) + value, row); }
    V only(V value) const { return value; }  // with 0 in the lanes that are not the row's
};
struct LastVector {
    int64_t first, count;
    V load(const float* row) const { return V::loadu(row + first, count); }
    void store(V value, float* row) const { value.store(row + first, count); }
    void add(V value, float* row) const { store(load(row) + value, row); }
    V only(V value) const { return V::set(V(0.f), value, count); }
};
template <class Body>
void each_vector(int64_t size, const Body& body) {
    int64_t n = 0;
    for (; n + kLanes <= size; n += kLanes) body(WholeVector{n});
    if (n < size) body(LastVector{n, size - n});
}

inline float total(V v) {
    float lanes[kLanes], sum = 0.f;
    v.store(lanes);
    for (float lane : lanes) sum += lane;
    return sum;
}

// Whether so many numbers, a multiple of kLanes, are all finite: such a number times 0 is 0.
inline bool all_finite(const float* from, int64_t count) {
    V sum(0.f);
    for (int64_t n = 0; n < count; n += kLanes) sum = at::vec::fmadd(load(from + n), V(0.f), sum);
    return total(sum) == 0.f;
}

}  // namespace seqkit
