// Threads. Most often one thread runs a slice of the batch; where the batch is small or the weights are large, several
// run one slice as a team: they share its hidden units, and meet at a barrier wherever one reads what the others wrote.
#pragma once

#include <ATen/Parallel.h>
#include <ATen/native/CPUBlas.h>
#include <omp.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <vector>

namespace seqkit {

constexpr int64_t kMaxTeam = 64, kSpins = 200000;

// The barrier of one team. Members spin, since the others are a fraction of a step behind, but not for long: where
// other programs hold the cores, the one that is waited for needs the time that waiting would take. Yielding would not
// do: a scheduler that divides time among groups of processes gives it to the same group again. They spin for some 100
// microseconds, since to be woken in a virtual machine takes long: with a tenth of that, inference of one sequence by
// two threads beside other programs had 0.74 (LSTM) and 0.84 (GRU) of the speed, in medians.
class alignas(64) Team {
  public:
    void meet(int64_t size) {
        if (size == 1) return;
        const int32_t round = round_.load(std::memory_order_relaxed);
        if (waiting_.fetch_add(1, std::memory_order_acq_rel) == size - 1) {
            waiting_.store(0, std::memory_order_relaxed);
            round_.store(round + 1, std::memory_order_release);
            round_.notify_all();
            return;
        }
        for (int64_t spins = 0; round_.load(std::memory_order_acquire) == round; spins++)
            if (spins > kSpins) round_.wait(round, std::memory_order_acquire);
    }

  private:
    std::atomic<int64_t> waiting_{0};
    std::atomic<int32_t> round_{0};  // of the size that Linux can wait for
};

struct Member {
    int64_t number, size;
    Team& team;
    void meet() const { team.meet(size); }
    // This member's share of so many blocks.
    int64_t first_of(int64_t blocks) const { return blocks * number / size; }
    int64_t last_of(int64_t blocks) const { return blocks * (number + 1) / size; }
};

// Calls body(item, member) for each item, by every member of one team; teams take turns at the items. oneDNN keeps
// state of a thread from one product to the next, which has to be released at the end.
template <class Body>
void run_in_teams(int64_t items, int64_t team_size, bool rounded, const Body& body, bool uses_products = true) {
    const int64_t threads = at::in_parallel_region() ? 1 : std::min<int64_t>(at::get_num_threads(), items * team_size);
    const auto run = [&](Team* teams, int64_t thread, int64_t running) {
        const int64_t size = std::min(team_size, running), count = running / size, mine = thread / size;
        if (mine < count)
            for (int64_t item = mine; item < items; item += count) body(item, Member{thread % size, size, teams[mine]});
        if (uses_products) at::native::cpublas::brgemm_release(rounded);
    };
    if (threads == 1) {  // even a parallel region of one thread calls into the operating system
        Team alone;
        return run(&alone, 0, 1);
    }
    std::vector<Team> teams(threads);
#pragma omp parallel num_threads(threads)
    run(teams.data(), omp_get_thread_num(), omp_get_num_threads());
}

}  // namespace seqkit
