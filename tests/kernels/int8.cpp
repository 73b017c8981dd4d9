// The functions of int8.h on arrays, for test_int8_headers.py, which compiles this for each capability of processors.
#include "int8.h"

#define EXPORTED extern "C" __attribute__((visibility("default")))

EXPORTED float quantize_row(const float* from, int64_t count, uint8_t* to) {
    return seqkit::quantize_row(from, count, to);
}

EXPORTED void quantize_block(const float* from, int64_t K, int64_t width, uint8_t* to) {
    seqkit::quantize_block(from, K, width, to);
}

EXPORTED int64_t quantized_rows(int64_t K) { return seqkit::quantized_rows(K); }

// Rows of A (M, K) in float32 times a block (K, width) from one of its columns on, to (M, N).
EXPORTED void product(int64_t M, int64_t N, int64_t K, const float* A, const float* B, int64_t width, int64_t first,
                      float* C) {
    const seqkit::QuantizedRows rows(M, seqkit::quad(K));
    for (int64_t m = 0; m < M; m++) rows.set(m, A + m * K, K);
    std::vector<uint8_t> block(seqkit::quantized_rows(K) * width);
    seqkit::quantize_block(B, K, width, block.data());
    const float* scales = reinterpret_cast<const float*>(block.data() + seqkit::quad(K) * width);
    seqkit::int8_product(M, N, K, rows.bytes(), rows.scales(), seqkit::quad(K), block.data() + first * seqkit::kQuad,
                         scales + first, width, C, N);
}
