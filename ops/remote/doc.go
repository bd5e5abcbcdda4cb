// Package remote is what midwatch keeps and does on a host by itself: the directory of a run with its undo
// records, the copy of its journal, jobs that outlive the connection, and the lock of a deploy.
//
// Everything goes through hosts.Conn with POSIX sh: the scripts are constants, values are their positional
// parameters or their input, never part of their text. What is written is on the disk of the host when a call
// returns. Each operation may be repeated after an answer was lost, and finds what it did before.
//
// The layout, below Host.Root:
//
//	runs/RUN/journal.jsonl, meta.json     the copy of the journal, and its summary
//	runs/RUN/undo/STEP/                   undo record and blobs of a step
//	runs/RUN/jobs/JOB/                    cmd, log, err, pid, rc
//	runs/RUN/inbox/                       what other operators tell the run
//	locks/DEPLOY.ENV.json, locks/history/ who holds the deploy on this host, and who did
//	audit/                                the lines of the operators' audit logs about this host
package remote
