// Whether weights are those that were packed. Reading a copy beside them to compare would take twice as long, and push
// what a loop needs out of the caches, so a fingerprint of 512 bits for each piece of 64 kB is compared.
//
// The numbers of a piece go to 64 chains of 64 bits in turn. A link is x -> P (y xor y / 2^32), y = x + the next number:
// one to one, so that a change of one number always shows. P is odd and drawn anew in each process: no edit can be such
// that it goes unseen; by chance one does with a probability of 2^-32 if it is of two numbers of one chain and of the
// worst kind, and that is multiplied for each chain that an edit changes.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <random>
#include <vector>

namespace seqkit {

using Chains = uint64_t __attribute__((vector_size(64)));
constexpr int64_t kStrands = 8, kStride = kStrands * sizeof(Chains), kPiece = 1 << 16;  // the last two in bytes

inline uint64_t multiplier() {
    static const uint64_t drawn = [] {
        std::random_device source;
        return (uint64_t(source()) << 32 | source()) | 1;
    }();
    return drawn;
}

inline Chains link(Chains chains, Chains numbers, uint64_t P) {
    const Chains y = chains + numbers;
    return (y ^ (y >> 32)) * P;
}

inline void link_stride(Chains* chains, const char* from, uint64_t P) {
    for (int64_t n = 0; n < kStrands; n++) {
        Chains numbers;
        std::memcpy(&numbers, from + n * sizeof(Chains), sizeof(Chains));
        chains[n] = link(chains[n], numbers, P);
    }
}

// A part of a tensor, and the sizes of the tensor.
struct Piece {
    const char* from;
    int64_t bytes;
    uint64_t sizes;
};

inline Chains fingerprint_of(const Piece& piece, uint64_t P) {
    Chains chains[kStrands] = {};
    chains[0][0] = piece.sizes;
    int64_t n = 0;
    for (; n + kStride <= piece.bytes; n += kStride) link_stride(chains, piece.from + n, P);
    if (n < piece.bytes) {
        char rest[kStride] = {};
        std::memcpy(rest, piece.from + n, piece.bytes - n);
        link_stride(chains, rest, P);
    }
    for (int64_t strand = 1; strand < kStrands; strand++) chains[0] = link(chains[0], chains[strand], P);
    return chains[0];
}

// The pieces of some tensors, which it holds while they are read.
class Pieces {
  public:
    explicit Pieces(at::TensorList tensors) {
        for (const at::Tensor& tensor : tensors) {
            tensors_.push_back(tensor.contiguous());
            uint64_t sizes = uint64_t(tensor.scalar_type());
            for (int64_t size : tensor.sizes()) sizes = sizes * 0x9e3779b97f4a7c15 + size + 1;
            const char* data = static_cast<const char*>(tensors_.back().const_data_ptr());
            const int64_t bytes = tensor.nbytes();
            for (int64_t n = 0; n < bytes; n += kPiece) pieces_.push_back({data + n, std::min(kPiece, bytes - n), sizes});
        }
    }
    int64_t size() const { return pieces_.size(); }
    const Piece& operator[](int64_t n) const { return pieces_[n]; }

  private:
    std::vector<at::Tensor> tensors_;
    std::vector<Piece> pieces_;
};

// (pieces, 8)
inline at::Tensor fingerprint(at::TensorList tensors) {
    const Pieces pieces(tensors);
    at::Tensor found = at::empty({pieces.size(), 8}, at::kLong);
    for (int64_t n = 0; n < pieces.size(); n++) {
        const Chains chains = fingerprint_of(pieces[n], multiplier());
        std::memcpy(found.mutable_data_ptr<int64_t>() + n * 8, &chains, sizeof chains);
    }
    return found;
}

// Compares weights with the fingerprint of those that were packed, a share in each thread of the loop that computes with
// the packed ones; what was computed is thrown away where they differ.
class Verification {
  public:
    Verification(at::TensorList weights, const at::Tensor& expected)
        : pieces_(weights),
          expected_(expected.contiguous()),
          same_(expected.scalar_type() == at::kLong && expected.numel() == 8 * pieces_.size()) {}

    void check_share(int64_t number, int64_t shares) {
        if (!same_) return;
        const int64_t last = pieces_.size() * (number + 1) / shares;
        for (int64_t n = pieces_.size() * number / shares; n < last; n++) {
            const Chains chains = fingerprint_of(pieces_[n], P_);
            if (std::memcmp(&chains, expected_.const_data_ptr<int64_t>() + n * 8, sizeof chains))
                same_.store(false, std::memory_order_relaxed);
        }
    }
    bool same() const { return same_; }

  private:
    const Pieces pieces_;
    const at::Tensor expected_;
    // Of the library that makes this: a compiled cell, which has its own, would see other weights in every call.
    const uint64_t P_ = multiplier();
    std::atomic<bool> same_;
};

}  // namespace seqkit
