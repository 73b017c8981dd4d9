// How a batch is divided. Its sequences, the longest first, are dealt to slices, and a slice's rows are packed: step by
// step the sequences that are still running. So padding costs nothing, and a step of a slice is one block of rows.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <optional>
#include <vector>

namespace seqkit {

struct Slice {
    std::vector<int64_t> sequence;  // the sequences, the longest first
    std::vector<int64_t> length;    // of each of them
    std::vector<int64_t> rows;      // sequences still running at each step, and a 0 at the end
    std::vector<int64_t> first;     // the packed row at which a step begins
    int64_t packed = 0;             // packed rows of all steps
    int64_t size() const { return sequence.size(); }
    int64_t steps() const { return rows.size() - 1; }
};

struct Plan {
    std::vector<Slice> slices;
    int64_t total = 0;  // packed rows
};

// Where step t of a sequence lies in time; the backward direction begins at the sequence's own end.
inline int64_t time_of(int64_t t, int64_t length, bool reverse) { return reverse ? length - 1 - t : t; }

inline std::vector<int64_t> lengths_of(const std::optional<at::Tensor>& lengths, int64_t B, int64_t T) {
    if (!lengths) return std::vector<int64_t>(B, T);
    TORCH_CHECK(lengths->scalar_type() == at::kLong && lengths->dim() == 1 && lengths->size(0) == B,
                "lengths must be int64 (B)");
    const at::Tensor contiguous = lengths->contiguous();
    const int64_t* first = contiguous.const_data_ptr<int64_t>();
    for (int64_t b = 0; b < B; b++) TORCH_CHECK(0 <= first[b] && first[b] <= T, "lengths must lie between 0 and T");
    return {first, first + B};
}

// Fills in the steps of a slice whose sequences are set; its packed rows follow those that the plan has.
inline void pack_steps(Slice& slice, Plan& plan) {
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

inline Plan make_plan(const std::optional<at::Tensor>& lengths, int64_t B, int64_t T, int64_t slices) {
    const std::vector<int64_t> length = lengths_of(lengths, B, T);
    std::vector<int64_t> order(B);
    std::iota(order.begin(), order.end(), 0);
    if (lengths)
        std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) { return length[a] > length[b]; });
    Plan plan;
    plan.slices.resize(slices);
    for (int64_t s = 0; s < slices; s++) {
        Slice& slice = plan.slices[s];
        // Dealing them out in turn gives every slice its share of the long ones.
        for (int64_t n = s; n < B; n += slices) {
            slice.sequence.push_back(order[n]);
            slice.length.push_back(length[order[n]]);
        }
        pack_steps(slice, plan);
    }
    return plan;
}

// For each packed row of a direction, its row among the B·T rows of the batch.
inline std::vector<int64_t> batch_rows(const Plan& plan, int64_t T, bool reverse) {
    std::vector<int64_t> rows(plan.total);
    for (const Slice& s : plan.slices)
        for (int64_t t = 0; t < s.steps(); t++)
            for (int64_t i = 0; i < s.rows[t]; i++)
                rows[s.first[t] + i] = s.sequence[i] * T + time_of(t, s.length[i], reverse);
    return rows;
}

}  // namespace seqkit
