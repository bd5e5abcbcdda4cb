package services

import (
	"strconv"

	"midwatch/hosts"
)

// setup are the exit codes with which systemd says that it could not even start the program
// (systemd.exec(5), process exit codes).
var setup = map[int]string{
	200: "the working directory cannot be entered (CHDIR)", 202: "file descriptors could not be set up (FDS)",
	203: "the program cannot be executed: missing, not executable, or its interpreter is (EXEC)", 204: "out of memory before it began (MEMORY)",
	205: "resource limits could not be set (LIMITS)", 206: "the OOM score could not be set (OOM_ADJUST)", 208: "standard input could not be set up (STDIN)",
	209: "standard output could not be set up: a log file or its folder? (STDOUT)", 210: "the root folder could not be changed (CHROOT)",
	214: "scheduling could not be set (SETSCHEDULER)", 216: "the group does not exist (GROUP)", 217: "the user does not exist (USER)",
	218: "capabilities could not be set (CAPABILITIES)", 219: "the control group could not be set up (CGROUP)", 222: "standard error could not be set up (STDERR)",
	224: "PAM refused the session (PAM)", 225: "the network namespace could not be set up (NETWORK)",
	226: "the mount namespace could not be set up: a path of ReadWritePaths, BindPaths or the like is missing (NAMESPACE)",
	227: "NoNewPrivileges could not be set (NO_NEW_PRIVILEGES)", 228: "system call filters could not be set (SECCOMP)", 231: "the AppArmor profile could not be set (APPARMOR)",
	233: "the runtime directory could not be made (RUNTIME_DIRECTORY)", 238: "the state directory could not be made (STATE_DIRECTORY)",
	239: "the cache directory could not be made (CACHE_DIRECTORY)", 240: "the log directory could not be made (LOGS_DIRECTORY)",
	241: "the configuration directory could not be made (CONFIGURATION_DIRECTORY)", 243: "credentials could not be set up (CREDENTIALS)",
}

// signals are those that end programs (Linux, most architectures).
var signals = map[int]string{
	1: "SIGHUP", 2: "SIGINT", 3: "SIGQUIT", 4: "SIGILL", 6: "SIGABRT", 7: "SIGBUS", 8: "SIGFPE", 9: "SIGKILL", 10: "SIGUSR1",
	11: "SIGSEGV", 12: "SIGUSR2", 13: "SIGPIPE", 14: "SIGALRM", 15: "SIGTERM", 24: "SIGXCPU", 25: "SIGXFSZ", 31: "SIGSYS",
}

func signal(n int) string {
	if s := signals[n]; s != "" {
		return s
	}
	return "signal " + strconv.Itoa(n)
}

// exitText says how the main process ended, and what that means where it means something; "" while
// it never ended.
func exitText(u *hosts.Unit) string {
	switch u.ExitCode {
	case "killed", "dumped":
		text := "killed by " + signal(u.ExitStatus)
		switch {
		case u.ExitCode == "dumped":
			text += ", core dumped: the program crashed"
		case u.ExitStatus == 9 && u.Result == "timeout":
			text += " because it did not stop in time"
		case u.ExitStatus == 9:
			text += ": by the kernel for memory, or by hand"
		}
		return text
	case "exited":
	default:
		return ""
	}
	text := "exit " + strconv.Itoa(u.ExitStatus)
	const shellSignal = 128
	switch n := u.ExitStatus; {
	case setup[n] != "":
		text += ": " + setup[n]
	case n == 126:
		text += ": a command was found and could not be executed"
	case n == 127:
		text += ": a command was not found"
	case n > shellSignal && signals[n-shellSignal] != "":
		text += ": ended by " + signals[n-shellSignal]
	}
	return text
}

// resultText says what a Result of systemd means.
func resultText(result string) string {
	switch result {
	case "exit-code":
		return "the program ended with an error"
	case "signal":
		return "the program was ended by a signal"
	case "core-dump":
		return "the program crashed"
	case "timeout":
		return "it did not start or stop in time"
	case "watchdog":
		return "it did not answer its watchdog"
	case "start-limit-hit":
		return "it was restarted too often; systemd gave up"
	case "oom-kill":
		return "the kernel killed it for memory"
	case "resources":
		return "systemd lacked something to start it: a file, a folder, memory"
	case "protocol":
		return "it did not do what its Type= promises"
	case "exec-condition":
		return "a condition said that it need not run"
	}
	return ""
}
