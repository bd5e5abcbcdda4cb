package shell

// program is what runs when its name is called.
type program func(p *proc) int

// lookup returns the program of that name, nil when there is none.
func lookup(name string) program {
	for _, find := range [...]func(string) program{starting, onFiles, onText, onMachine} {
		if fn := find(name); fn != nil {
			return fn
		}
	}
	return nil
}

// starting are programs that start programs.
func starting(name string) program {
	switch name {
	case "true":
		return func(*proc) int { return 0 }
	case "false":
		return func(*proc) int { return 1 }
	case "sh", "bash", "dash":
		return shProgram
	case "env":
		return envProgram
	case "sudo":
		return sudoProgram
	case "timeout":
		return timeoutProgram
	case "nice":
		return afterOptions("n")
	case "ionice":
		return afterOptions("cn")
	case "nohup":
		return afterOptions("")
	case "setsid":
		return setsidProgram
	case "stdbuf":
		return afterOptions("ioe")
	case "xargs":
		return xargsProgram
	case "mw-which", "which":
		return whichProgram
	case "yes":
		return yesProgram
	case "sleep":
		return sleepProgram
	case "su":
		return suProgram
	}
	return nil
}

// onFiles are programs that work on files.
func onFiles(name string) program {
	switch name {
	case "cat":
		return catProgram
	case "cksum":
		return cksumProgram
	case "head":
		return headProgram
	case "tail":
		return tailProgram
	case "ls":
		return lsProgram
	case "stat":
		return statProgram
	case "find":
		return findProgram
	case "mktemp":
		return mktempProgram
	case "mv":
		return mvProgram
	case "cp":
		return cpProgram
	case "rm", "rmdir":
		return rmProgram
	case "mkdir":
		return mkdirProgram
	case "ln":
		return lnProgram
	case "cmp":
		return cmpProgram
	case "readlink":
		return readlinkProgram
	case "realpath":
		return realpathProgram
	case "touch":
		return touchProgram
	case "chmod":
		return chmodProgram
	case "chown":
		return chownProgram
	case "dirname":
		return dirnameProgram
	case "basename":
		return basenameProgram
	case "tee":
		return teeProgram
	case "sync":
		return func(*proc) int { return 0 }
	case "printf", "echo", "test", "[", "pwd":
		return builtinProgram
	case "install":
		return installProgram
	}
	return nil
}

// onText are programs that work on text.
func onText(name string) program {
	switch name {
	case "grep", "egrep", "fgrep":
		return grepProgram
	case "awk", "mawk", "gawk":
		return awkProgram
	case "sed":
		return sedProgram
	case "cut":
		return cutProgram
	case "sort":
		return sortProgram
	case "uniq":
		return uniqProgram
	case "wc":
		return wcProgram
	case "tr":
		return trProgram
	case "base64":
		return base64Program
	case "sha256sum", "md5sum":
		return sumProgram
	case "seq":
		return seqProgram
	case "tac":
		return tacProgram
	case "od":
		return odProgram
	}
	return nil
}

// onMachine are programs that ask about the machine or change it.
func onMachine(name string) program {
	switch name {
	case "uname":
		return unameProgram
	case "hostname":
		return hostnameProgram
	case "date":
		return dateProgram
	case "nproc":
		return nprocProgram
	case "id":
		return idProgram
	case "whoami":
		return whoamiProgram
	case "groups":
		return groupsProgram
	case "uptime":
		return uptimeProgram
	case "free":
		return freeProgram
	case "df":
		return dfProgram
	case "ps":
		return psProgram
	case "pgrep":
		return pgrepProgram
	case "kill", "mw-kill":
		return killProgram
	case "getent":
		return getentProgram
	case "systemd-detect-virt":
		return virtProgram
	case "mount":
		return mountProgram
	case "findmnt":
		return findmntProgram
	case "ss":
		return ssProgram
	case "arch":
		return archProgram
	case "systemctl":
		return systemctlProgram
	case "journalctl":
		return journalctlProgram
	case "nginx":
		return nginxProgram
	case "docker":
		return dockerProgram
	case "curl":
		return curlProgram
	case "du":
		return duProgram
	case "dmesg":
		return dmesgProgram
	case "ip":
		return ipProgram
	case "stty":
		return sttyProgram
	case "last", "tput":
		return func(*proc) int { return 0 }
	case "clear":
		return func(p *proc) int { p.print("\x1b[H\x1b[2J"); return 0 }
	}
	return nil
}
