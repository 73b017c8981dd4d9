// Members of a team write what the others read, with nothing but the barrier of team.h between; for test_meeting.py,
// which compiles this with the thread sanitizer. The exit code is 1 where a member read an old number.
#include "team.h"

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

int main(int, char** words) {
    const int64_t size = std::atoi(words[1]), rounds = std::atoi(words[2]);
    seqkit::Team team;
    std::vector<int64_t> written(size);
    std::atomic<int64_t> wrong{0};
    const auto work = [&](int64_t number) {
        const seqkit::Member member{number, size, team};
        for (int64_t round = 0; round < rounds; round++) {
            written[number] = round;
            member.meet();
            for (int64_t value : written) wrong.fetch_add(value != round, std::memory_order_relaxed);
            member.meet();
        }
    };
    std::vector<std::thread> threads;
    for (int64_t number = 0; number < size; number++) threads.emplace_back(work, number);
    for (auto& thread : threads) thread.join();
    return wrong != 0;
}
