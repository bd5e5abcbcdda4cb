package services

import (
	"slices"
	"strings"

	"midwatch/hosts"
)

// isSpecial reports targets that systemd itself defines (systemd.special(7)): they say when something
// happens during boot, not what belongs together.
func isSpecial(target string) bool {
	switch strings.TrimSuffix(target, ".target") {
	case "basic", "bluetooth", "boot-complete", "cryptsetup", "cryptsetup-pre", "ctrl-alt-del", "default", "emergency", "exit", "final",
		"first-boot-complete", "getty", "getty-pre", "graphical", "halt", "hibernate", "hybrid-sleep", "initrd", "initrd-fs",
		"initrd-root-device", "initrd-root-fs", "initrd-switch-root", "initrd-usr-fs", "integritysetup", "integritysetup-pre", "kexec",
		"local-fs", "local-fs-pre", "machines", "multi-user", "network", "network-online", "network-pre", "nss-lookup", "nss-user-lookup",
		"paths", "poweroff", "printer", "reboot", "remote-cryptsetup", "remote-fs", "remote-fs-pre", "remote-veritysetup", "rescue", "rpcbind",
		"runlevel0", "runlevel1", "runlevel2", "runlevel3", "runlevel4", "runlevel5", "runlevel6", "shutdown", "sigpwr", "sleep", "slices",
		"smartcard", "sockets", "sound", "soft-reboot", "storage-target-mode", "suspend", "suspend-then-hibernate", "swap", "sysinit",
		"system-update", "system-update-pre", "time-set", "time-sync", "timers", "tpm2", "umount", "usb-gadget", "veritysetup", "veritysetup-pre",
		"factory-reset", "blockdev@", "cloud-init", "cloud-config", "cloud-final":
		return true
	}
	return strings.HasPrefix(target, "blockdev@")
}

// The groups of units that belong to no target of their own.
const (
	groupServices = "services"
	groupSockets  = "sockets and timers"
	groupTargets  = "targets"
	groupOther    = "other units"
)

// targets knows which units belong together because somebody made a target for them.
type targets struct{ members map[string]string }

// targetsOf reads the targets among units that are not systemd's own.
func targetsOf(units []hosts.Unit) targets {
	t := targets{map[string]string{}}
	for i := range units {
		u := &units[i]
		if !strings.HasSuffix(u.Name, ".target") || isSpecial(u.Name) || u.Load == "not-found" {
			continue
		}
		if len(u.Wants)+len(u.ConsistsOf) == 0 {
			continue
		}
		t.members[u.Name] = u.Name
		for _, m := range slices.Concat(u.Wants, u.ConsistsOf) {
			t.members[m] = u.Name
		}
	}
	for i := range units {
		for _, p := range units[i].PartOf {
			if strings.HasSuffix(p, ".target") && !isSpecial(p) && t.members[units[i].Name] == "" {
				t.members[units[i].Name] = p
			}
		}
	}
	return t
}

// of is the group a unit stands under.
func (t targets) of(u *hosts.Unit) string {
	if g := t.members[u.Name]; g != "" {
		return g
	}
	switch {
	case strings.HasSuffix(u.Name, ".service"):
		return groupServices
	case strings.HasSuffix(u.Name, ".socket"), strings.HasSuffix(u.Name, ".timer"):
		return groupSockets
	case strings.HasSuffix(u.Name, ".target"):
		return groupTargets
	}
	return groupOther
}

// rank orders groups: targets that somebody made, services, and the rest.
func (t targets) rank(group string) int {
	return slices.Index([]string{groupServices, groupSockets, groupOther, groupTargets}, group)
}

// quiet says that a unit is not worth a row while nothing is wrong with it: the machinery of boot,
// what nobody enabled and does not run, and systemd's own targets.
func quiet(u *hosts.Unit, t targets) bool {
	if t.members[u.Name] != "" {
		return false
	}
	switch {
	case strings.HasSuffix(u.Name, ".target"):
		return true
	case u.Active == "inactive":
		return u.Enabled != "enabled" || u.Sub == "dead" && strings.HasPrefix(u.Name, "systemd-")
	case u.Active == "active" && u.Sub == "exited":
		return true
	case strings.HasSuffix(u.Name, ".socket"):
		return strings.HasPrefix(u.Name, "systemd-") || strings.HasPrefix(u.Name, "dbus")
	case strings.HasSuffix(u.Name, ".timer"):
		return strings.HasPrefix(u.Name, "systemd-")
	}
	return strings.HasPrefix(u.Name, "systemd-") || strings.HasPrefix(u.Name, "getty@") || strings.HasPrefix(u.Name, "serial-getty@") ||
		strings.HasPrefix(u.Name, "user@") || strings.HasPrefix(u.Name, "user-runtime-dir@") || u.Name == "dbus.service"
}
