// The n-grams of many texts, found as seqkit/data/inputs/gram_search.py finds them with numpy, in the same order. Of
// `predict` of short texts this is half of the time with numpy, Python included, and other threads run meanwhile.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <cstdint>
#include <tuple>
#include <vector>

namespace seqkit {

using at::Tensor;

// A vector of whole numbers that is read.
template <typename Number>
struct Numbers {
    const Number* first;
    int64_t size;
    Numbers(const Tensor& t, const char* name) : first(t.const_data_ptr<Number>()), size(t.numel()) {
        TORCH_CHECK(t.dim() == 1 && t.is_contiguous(), name, " must be a vector without gaps");
    }
    Number operator[](int64_t n) const { return first[n]; }
};

// The beginnings of n-grams of one size: S · parent + symbol, sorted, so that those of a parent lie together.
struct GramLevel {
    Numbers<int64_t> keys, begins;
    Numbers<int32_t> rows;

    // The number of a beginning, -1 for one that is not known.
    int64_t find(int64_t parent, int64_t symbol, int64_t symbols) const {
        if (parent < 0 || symbol < 0) return -1;
        const int64_t key = parent * symbols + symbol;
        const int64_t* last = keys.first + begins[parent + 1];
        const int64_t* place = std::lower_bound(keys.first + begins[parent], last, key);
        return place != last && *place == key ? place - keys.first : -1;
    }
};

// Numbers of one text, each once, in the order in which they come.
class OnceEach {
public:
    OnceEach(int64_t known, int64_t most) : seen_(known, -1), found_(at::empty({most}, at::kInt)) {
        next_ = begin_ = found_.mutable_data_ptr<int32_t>();
    }
    void add(int32_t row, int32_t text) {
        TORCH_CHECK(row < int64_t(seen_.size()), "a row is none of an n-gram");
        if (row < 0 || seen_[row] == text) return;
        seen_[row] = text;
        *next_++ = row;
    }
    int64_t size() const { return next_ - begin_; }
    Tensor found() const { return found_.narrow(0, 0, size()); }

private:
    std::vector<int32_t> seen_;  // the last text that had the row
    Tensor found_;
    int32_t *begin_, *next_;
};

// The rows of all texts, one after the other, and where each text ends. Tokens are given by their places among the
// different ones, `sizes` of them in each text; of each different one its symbol, -1 for an unknown one, and
// `letter_sizes` of the rows of its letters. `tree` has keys, begins and rows of each level.
inline std::tuple<Tensor, Tensor> find_grams(at::TensorList tree, int64_t symbols_known, int64_t rows_known,
                                             const Tensor& places_, const Tensor& sizes_, const Tensor& symbols_,
                                             const Tensor& letters_, const Tensor& letter_sizes_) {
    std::vector<GramLevel> levels;
    for (size_t n = 0; n + 2 < tree.size(); n += 3)
        levels.push_back({{tree[n], "keys"}, {tree[n + 1], "begins"}, {tree[n + 2], "rows"}});
    const Numbers<int64_t> places(places_, "places"), sizes(sizes_, "sizes"), symbols(symbols_, "symbols"),
        letter_sizes(letter_sizes_, "letter_sizes");
    const Numbers<int32_t> letters(letters_, "letters");
    TORCH_CHECK(sizes.size <= INT32_MAX, "so many texts at a time are too many");
    TORCH_CHECK(letter_sizes.size == symbols.size, "each different token must have a number of letters");

    // Of each different token where its letters begin, and the n-gram that it is alone.
    std::vector<int64_t> begins{0}, alone;
    for (int64_t n = 0; n < symbols.size; ++n) {
        TORCH_CHECK(symbols[n] < symbols_known && letter_sizes[n] >= 0, "a symbol is none of an n-gram");
        begins.push_back(begins.back() + letter_sizes[n]);
        alone.push_back(levels.empty() ? -1 : levels[0].find(0, symbols[n], symbols_known));
    }
    TORCH_CHECK(begins.back() == letters.size, "letters must be as many as their sizes say");
    int64_t most = places.size * int64_t(levels.size());
    for (int64_t n = 0; n < places.size; ++n) {
        TORCH_CHECK(places[n] >= 0 && places[n] < symbols.size, "a place is none of a token");
        most += letter_sizes[places[n]];
    }

    OnceEach rows(rows_known, most);
    Tensor ends = at::empty({sizes.size}, at::kLong);
    std::vector<int64_t> nodes;
    const int64_t* token = places.first;
    for (int32_t text = 0; text < sizes.size; ++text) {
        const int64_t N = sizes[text];
        TORCH_CHECK(N >= 0 && token + N <= places.first + places.size, "texts must have as many tokens as there are");
        nodes.clear();
        for (int64_t n = 0; n < N; ++n) nodes.push_back(alone[token[n]]);
        for (size_t size = 0; size < levels.size(); ++size) {
            const GramLevel& level = levels[size];
            for (int64_t n = 0; n + int64_t(size) < N; ++n) {
                if (size) nodes[n] = level.find(nodes[n], symbols[token[n + size]], symbols_known);
                if (nodes[n] >= 0) rows.add(level.rows[nodes[n]], text);
            }
        }
        for (int64_t n = 0; n < N; ++n)
            for (int64_t k = begins[token[n]]; k < begins[token[n] + 1]; ++k) rows.add(letters[k], text);
        token += N;
        ends.mutable_data_ptr<int64_t>()[text] = rows.size();
    }
    return {rows.found(), ends};
}

}  // namespace seqkit
