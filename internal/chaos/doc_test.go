// Package chaos_test has workers killed while they empty a queue, and looks
// afterwards for every row of the inventory.
//
// A seed decides what is planted, which requests fail, and when each worker
// process dies: at its nth request of any kind or of those that publish,
// before S3 has done what is asked or after, by SIGKILL or SIGTERM. Timing is
// the machine's, so a seed repeats the plan and not each step.
//
//	go test ./internal/chaos -args -seed 7           one seed
//	go test ./internal/chaos -args -seeds 10 -full   as make chaos does
package chaos_test
