// Made of the step of each cell by python -m seqkit.kernels.standard; a test holds them equal.
#pragma once

#include "compiled.h"

#include <array>

namespace seqkit {

namespace rnn_tanh {
struct Cell : Compiled<Cell> {
    static constexpr int GATES = 1, STATES = 1, KEPT = 1, OWN = 0, SLOTS = 1, X_SLOT = 0, R_SLOT = 0;
    static constexpr bool KEEPS_ONLY_H = true;
    static constexpr int x_gate(int n) { return std::array{0}[n]; }

    static inline void step(const V* x, const V* r, V* s, const V* own, V* kept) {
        const V v2 = x[0] + r[0];
        const V v3 = tanh(v2);
        kept[0] = v3;
        const V s0 = v3;
        s[0] = s0;
    }

    static inline void back(const V* kept, V h, V* ds, const V* own, V* da, V* down) {
        const V v8 = slope_of_tanh(kept[0]);
        const V v9 = ds[0] * v8;
        da[0] = v9;
        const V ds0 = V(0.0f);
        ds[0] = ds0;
    }
};
}  // namespace rnn_tanh

namespace rnn_relu {
struct Cell : Compiled<Cell> {
    static constexpr int GATES = 1, STATES = 1, KEPT = 1, OWN = 0, SLOTS = 1, X_SLOT = 0, R_SLOT = 0;
    static constexpr bool KEEPS_ONLY_H = true;
    static constexpr int x_gate(int n) { return std::array{0}[n]; }

    static inline void step(const V* x, const V* r, V* s, const V* own, V* kept) {
        const V v3 = x[0] + r[0];
        const V v4 = at::vec::maximum(V(0.0f), v3);
        kept[0] = v4;
        const V s0 = v4;
        s[0] = s0;
    }

    static inline void back(const V* kept, V h, V* ds, const V* own, V* da, V* down) {
        const V v6 = kept[0] > V(0.0f);
        const V v8 = where(v6, ds[0], V(0.0f));
        da[0] = v8;
        const V ds0 = V(0.0f);
        ds[0] = ds0;
    }
};
}  // namespace rnn_relu

namespace lstm {
struct Cell : Compiled<Cell> {
    static constexpr int GATES = 4, STATES = 2, KEPT = 5, OWN = 0, SLOTS = 4, X_SLOT = 0, R_SLOT = 0;
    static constexpr bool KEEPS_ONLY_H = false;
    static constexpr int x_gate(int n) { return std::array{0, 1, 2, 3}[n]; }

    static inline void step(const V* x, const V* r, V* s, const V* own, V* kept) {
        const V v2 = x[3] + r[3];
        const V v3 = sigmoid(v2);
        const V v7 = x[1] + r[1];
        const V v8 = sigmoid(v7);
        const V v9 = s[1] * v8;
        const V v12 = x[0] + r[0];
        const V v13 = sigmoid(v12);
        const V v16 = x[2] + r[2];
        const V v17 = tanh(v16);
        const V v18 = v13 * v17;
        const V v19 = v9 + v18;
        const V v20 = tanh(v19);
        const V v21 = v3 * v20;
        kept[0] = v3;
        kept[1] = s[1];
        kept[2] = v8;
        kept[3] = v13;
        kept[4] = v17;
        const V s0 = v21;
        const V s1 = v19;
        s[0] = s0;
        s[1] = s1;
    }

    static inline void back(const V* kept, V h, V* ds, const V* own, V* da, V* down) {
        const V v9 = kept[1] * kept[2];
        const V v18 = kept[3] * kept[4];
        const V v19 = v9 + v18;
        const V v20 = tanh(v19);
        const V v25 = kept[0] * ds[0];
        const V v28 = slope_of_tanh(v20);
        const V v29 = v25 * v28;
        const V v30 = ds[1] + v29;
        const V v31 = kept[4] * v30;
        const V v33 = slope_of_sigmoid(kept[3]);
        const V v34 = v31 * v33;
        const V v35 = kept[1] * v30;
        const V v37 = slope_of_sigmoid(kept[2]);
        const V v38 = v35 * v37;
        const V v39 = kept[3] * v30;
        const V v41 = slope_of_tanh(kept[4]);
        const V v42 = v39 * v41;
        const V v43 = v20 * ds[0];
        const V v45 = slope_of_sigmoid(kept[0]);
        const V v46 = v43 * v45;
        const V v48 = kept[2] * v30;
        da[0] = v34;
        da[1] = v38;
        da[2] = v42;
        da[3] = v46;
        const V ds0 = V(0.0f);
        const V ds1 = v48;
        ds[0] = ds0;
        ds[1] = ds1;
    }
};
}  // namespace lstm

namespace lstm_peephole {
struct Cell : Compiled<Cell> {
    static constexpr int GATES = 4, STATES = 2, KEPT = 5, OWN = 3, SLOTS = 4, X_SLOT = 0, R_SLOT = 0;
    static constexpr bool KEEPS_ONLY_H = false;
    static constexpr int x_gate(int n) { return std::array{0, 1, 2, 3}[n]; }

    static inline void step(const V* x, const V* r, V* s, const V* own, V* kept) {
        const V v2 = x[3] + r[3];
        const V v7 = x[1] + r[1];
        const V v9 = s[1] * own[1];
        const V v10 = v7 + v9;
        const V v11 = sigmoid(v10);
        const V v12 = s[1] * v11;
        const V v15 = x[0] + r[0];
        const V v17 = s[1] * own[0];
        const V v18 = v15 + v17;
        const V v19 = sigmoid(v18);
        const V v22 = x[2] + r[2];
        const V v23 = tanh(v22);
        const V v24 = v19 * v23;
        const V v25 = v12 + v24;
        const V v26 = own[2] * v25;
        const V v27 = v2 + v26;
        const V v28 = sigmoid(v27);
        const V v29 = tanh(v25);
        const V v30 = v28 * v29;
        kept[0] = s[1];
        kept[1] = v11;
        kept[2] = v19;
        kept[3] = v23;
        kept[4] = v28;
        const V s0 = v30;
        const V s1 = v25;
        s[0] = s0;
        s[1] = s1;
    }

    static inline void back(const V* kept, V h, V* ds, const V* own, V* da, V* down) {
        const V v12 = kept[0] * kept[1];
        const V v24 = kept[2] * kept[3];
        const V v25 = v12 + v24;
        const V v29 = tanh(v25);
        const V v34 = kept[4] * ds[0];
        const V v37 = slope_of_tanh(v29);
        const V v38 = v34 * v37;
        const V v39 = ds[1] + v38;
        const V v40 = v29 * ds[0];
        const V v42 = slope_of_sigmoid(kept[4]);
        const V v43 = v40 * v42;
        const V v44 = own[2] * v43;
        const V v45 = v39 + v44;
        const V v46 = kept[3] * v45;
        const V v48 = slope_of_sigmoid(kept[2]);
        const V v49 = v46 * v48;
        const V v50 = kept[0] * v45;
        const V v52 = slope_of_sigmoid(kept[1]);
        const V v53 = v50 * v52;
        const V v54 = kept[2] * v45;
        const V v56 = slope_of_tanh(kept[3]);
        const V v57 = v54 * v56;
        const V v59 = kept[1] * v45;
        const V v60 = own[1] * v53;
        const V v61 = v59 + v60;
        const V v62 = own[0] * v49;
        const V v63 = v61 + v62;
        const V v64 = kept[0] * v49;
        const V v65 = kept[0] * v53;
        const V v66 = v25 * v43;
        da[0] = v49;
        da[1] = v53;
        da[2] = v57;
        da[3] = v43;
        down[0] = v64;
        down[1] = v65;
        down[2] = v66;
        const V ds0 = V(0.0f);
        const V ds1 = v63;
        ds[0] = ds0;
        ds[1] = ds1;
    }
};
}  // namespace lstm_peephole

namespace lstm_coupled {
struct Cell : Compiled<Cell> {
    static constexpr int GATES = 3, STATES = 2, KEPT = 4, OWN = 0, SLOTS = 3, X_SLOT = 0, R_SLOT = 0;
    static constexpr bool KEEPS_ONLY_H = false;
    static constexpr int x_gate(int n) { return std::array{0, 1, 2}[n]; }

    static inline void step(const V* x, const V* r, V* s, const V* own, V* kept) {
        const V v2 = x[2] + r[2];
        const V v3 = sigmoid(v2);
        const V v8 = x[0] + r[0];
        const V v9 = sigmoid(v8);
        const V v10 = V(1.0f) - v9;
        const V v11 = s[1] * v10;
        const V v14 = x[1] + r[1];
        const V v15 = tanh(v14);
        const V v16 = v9 * v15;
        const V v17 = v11 + v16;
        const V v18 = tanh(v17);
        const V v19 = v3 * v18;
        kept[0] = v3;
        kept[1] = s[1];
        kept[2] = v9;
        kept[3] = v15;
        const V s0 = v19;
        const V s1 = v17;
        s[0] = s0;
        s[1] = s1;
    }

    static inline void back(const V* kept, V h, V* ds, const V* own, V* da, V* down) {
        const V v10 = V(1.0f) - kept[2];
        const V v11 = kept[1] * v10;
        const V v16 = kept[2] * kept[3];
        const V v17 = v11 + v16;
        const V v18 = tanh(v17);
        const V v23 = kept[0] * ds[0];
        const V v25 = slope_of_tanh(v18);
        const V v26 = v23 * v25;
        const V v27 = ds[1] + v26;
        const V v28 = kept[3] * v27;
        const V v29 = kept[1] * v27;
        const V v30 = v28 - v29;
        const V v31 = slope_of_sigmoid(kept[2]);
        const V v32 = v30 * v31;
        const V v33 = kept[2] * v27;
        const V v35 = slope_of_tanh(kept[3]);
        const V v36 = v33 * v35;
        const V v37 = v18 * ds[0];
        const V v39 = slope_of_sigmoid(kept[0]);
        const V v40 = v37 * v39;
        const V v42 = v10 * v27;
        da[0] = v32;
        da[1] = v36;
        da[2] = v40;
        const V ds0 = V(0.0f);
        const V ds1 = v42;
        ds[0] = ds0;
        ds[1] = ds1;
    }
};
}  // namespace lstm_coupled

namespace gru_after {
struct Cell : Compiled<Cell> {
    static constexpr int GATES = 3, STATES = 1, KEPT = 4, OWN = 1, SLOTS = 4, X_SLOT = 0, R_SLOT = 1;
    static constexpr bool KEEPS_ONLY_H = false;
    static constexpr int x_gate(int n) { return std::array{2, 0, 1}[n]; }

    static inline void step(const V* x, const V* r, V* s, const V* own, V* kept) {
        const V v4 = x[0] + r[0];
        const V v5 = sigmoid(v4);
        const V v6 = V(1.0f) - v5;
        const V v7 = s[0] * v6;
        const V v12 = x[1] + r[1];
        const V v13 = sigmoid(v12);
        const V v14 = (r[2] + own[0]) * v13;
        const V v15 = x[2] + v14;
        const V v16 = tanh(v15);
        const V v17 = v5 * v16;
        const V v18 = v7 + v17;
        kept[0] = v5;
        kept[1] = (r[2] + own[0]);
        kept[2] = v13;
        kept[3] = v16;
        const V s0 = v18;
        s[0] = s0;
    }

    static inline void back(const V* kept, V h, V* ds, const V* own, V* da, V* down) {
        const V v6 = V(1.0f) - kept[0];
        const V v20 = kept[3] * ds[0];
        const V v21 = h * ds[0];
        const V v22 = v20 - v21;
        const V v23 = slope_of_sigmoid(kept[0]);
        const V v24 = v22 * v23;
        const V v25 = kept[0] * ds[0];
        const V v27 = slope_of_tanh(kept[3]);
        const V v28 = v25 * v27;
        const V v29 = kept[1] * v28;
        const V v31 = slope_of_sigmoid(kept[2]);
        const V v32 = v29 * v31;
        const V v33 = kept[2] * v28;
        const V v34 = v6 * ds[0];
        da[0] = v28;
        da[1] = v24;
        da[2] = v32;
        da[3] = v33;
        down[0] = v33;
        const V ds0 = v34;
        ds[0] = ds0;
    }
};
}  // namespace gru_after

}  // namespace seqkit
