// Package cli hands a command everything between the shell and its one call:
// flags, signals, log lines, a progress bar and the exit code.
//
// A main function is one line:
//
//	func main() { os.Exit(cli.Main(newCommand(), os.Args[1:])) }
//
// and a command's RunE opens its console from the flags it shares with all
// others:
//
//	con := flags.Console(cmd)
//	stop := con.Progress(job.Snapshot)
//	err := job.Run(cmd.Context(), con.Log)
//	stop()
//	con.Summarize(job.Summary())
package cli
