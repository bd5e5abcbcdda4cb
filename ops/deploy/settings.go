package deploy

import "time"

// The settings of the kinds of steps, one struct a kind. TOML names are in the tags; a field of type Text
// is expanded before the kind sees it, one of type Sensitive may hold a secret. A rule says what else a value
// must be: the words are those of check in rules.go.

// Check is read-only probes before anything happens ("check").
type Check struct {
	Tools       []Text        `toml:"tools"` // "docker>=24", "rsync"
	DiskFree    []DiskFree    `toml:"disk_free"`
	Sudo        bool          `toml:"sudo"`                      // root by sudo must work
	ClockOffset time.Duration `toml:"clock_offset" rule:"min=0"` // at most; 0 does not look
	PortOwner   []PortOwner   `toml:"port_owner"`
	NotOnNFS    []Text        `toml:"not_on_nfs" rule:"abs"` // paths
	FileMatches []FileMatch   `toml:"file_matches"`
	Units       []Text        `toml:"units" rule:"ranges"` // must exist
	Images      []Text        `toml:"images"`              // must be there
	Checks      []Text        `toml:"checks"`              // ids of the console's checks that must not find anything on the host
}

// DiskFree wants Min bytes ("6GiB") and MinInodes free on the file system of Path.
type DiskFree struct {
	Path      Text   `toml:"path" rule:"need,abs"`
	Min       string `toml:"min" rule:"size"`
	MinInodes int64  `toml:"min_inodes" rule:"min=0"`
}

// PortOwner wants a port to be free or held by one of Allow (container or process names).
type PortOwner struct {
	Port  Text   `toml:"port" rule:"need"`
	Proto string `toml:"proto" rule:"oneof=tcp|udp"` // default tcp
	Allow []Text `toml:"allow"`
}

// FileMatch looks into a file, here (Local) or on the host.
type FileMatch struct {
	Path    Text   `toml:"path" rule:"need"`
	Local   bool   `toml:"local"`
	Must    string `toml:"must" rule:"regex"`     // RE2
	MustNot string `toml:"must_not" rule:"regex"` // RE2
}

// Snapshot reads the running state of things and keeps it with the run ("snapshot").
type Snapshot struct {
	Units      []Text `toml:"units" rule:"ranges"`
	Containers []Text `toml:"containers"`
	Project    Text   `toml:"project"` // of compose
	Files      []Text `toml:"files" rule:"abs"`
	Images     []Text `toml:"images"`
}

// Command runs a program, detached on a host, or here ("command", and "migrate" inside Migrate).
type Command struct {
	Argv    []Text               `toml:"argv" rule:"need"`
	Dir     Text                 `toml:"dir"`
	Env     map[string]Sensitive `toml:"env"` // reaches the program by a file of mode 0600
	Stdin   Sensitive            `toml:"stdin"`
	User    Text                 `toml:"user"`                  // default the login; "root" by sudo
	Exit    []int                `toml:"exit" rule:"min=0"`     // default 0
	Match   string               `toml:"match" rule:"regex"`    // RE2 that the output must match
	Outputs map[string]string    `toml:"outputs" rule:"output"` // name → RE2 with one group over the output, line by line, or "json:KEY"
	// Repeat is "safe" (may run twice), "never" (a person decides after a crash) or "" (re-attached).
	Repeat string `toml:"repeat" rule:"oneof=safe|never"`
	// Effect says in words what it changes, for the plan; "" is an unknown effect.
	Effect string `toml:"effect"`
}

// Sync copies a directory ("sync").
type Sync struct {
	From    Text     `toml:"from" rule:"need"`
	To      Text     `toml:"to" rule:"need,abs"`
	Mode    string   `toml:"mode" rule:"oneof=staged|release|inplace"` // "staged" (default), "release", "inplace"
	Exclude []Text   `toml:"exclude"`
	Delete  Delete   `toml:"delete"`
	Shared  []Text   `toml:"shared"` // of "release": linked into each release from To/shared
	After   [][]Text `toml:"after"`  // of "release": run inside the new release, detached
	Owner   Text     `toml:"owner"`
	Marker  Text     `toml:"marker"`           // a file that From must hold
	Keep    bool     `toml:"keep_permissions"` // of what is there already
	// Checksum compares files by their content (default), which reads all of them on both sides; false goes by size
	// and second, as rsync does by itself, for trees too large to read. That it is done is seen by content always.
	Checksum *bool `toml:"checksum"`
}

// Delete says whether files that From does not have are deleted.
type Delete struct {
	Enabled     bool `toml:"enabled"`
	Max         int  `toml:"max" rule:"min=0"`          // more is refused
	ConfirmOver int  `toml:"confirm_over" rule:"min=0"` // more is asked about
}

// Swap points a symlink at the release that a sync of this run made ("swap").
type Swap struct {
	Link Text `toml:"link" rule:"need,abs"`
	To   Text `toml:"to"` // default the release of this run
}

// Compose works on a compose project with the host's own docker compose ("compose").
type Compose struct {
	Op         string         `toml:"op" rule:"need,oneof=pull|build|up|stop"` // "pull", "build", "up", "stop"
	Like       string         `toml:"like"`                                    // id of a compose step whose project, files and dir are taken
	Project    Text           `toml:"project"`
	ProjectDir Text           `toml:"project_dir" rule:"abs"`
	Files      []Text         `toml:"files"`
	EnvFiles   []Text         `toml:"env_files"`
	Profiles   []Text         `toml:"profiles"`
	Services   []Text         `toml:"services"` // default all
	Scale      map[string]int `toml:"scale" rule:"min=0"`
	NoBuild    bool           `toml:"no_build"`
	Jobs       []Text         `toml:"jobs"` // services that end with exit 0
	Ready      Ready          `toml:"ready"`
	Sudo       bool           `toml:"sudo"`
}

// Ready is when services count as up.
type Ready struct {
	Services  []Text        `toml:"services"`   // default those of the step
	StableFor time.Duration `toml:"stable_for"` // default 10 s
	Within    time.Duration `toml:"within"`     // default 90 s
}

// Container does a verb to one container ("container").
type Container struct {
	Name Text   `toml:"name" rule:"need"`
	Op   string `toml:"op" rule:"need,oneof=restart|start|stop"` // "restart", "start", "stop"
	Sudo bool   `toml:"sudo"`
}

// Systemd works on units ("systemd").
type Systemd struct {
	Units    []Text        `toml:"units" rule:"ranges"`                                                                           // "x@{1..8}.service" is eight
	Op       string        `toml:"op" rule:"need,oneof=restart|reload|signal|stop_start|start|stop|enable|disable|daemon_reload"` // "restart", "reload", "signal", "stop_start", "start", "stop", "enable", "disable", "daemon_reload"
	Signal   string        `toml:"signal" rule:"signal"`
	OneByOne bool          `toml:"one_by_one"`
	Budget   int           `toml:"budget" rule:"min=1"` // restarts of one unit in the run; default 1
	Cooldown time.Duration `toml:"cooldown"`            // default 60 s since the unit was last started
	Drain    Drain         `toml:"drain"`
	Settle   Settle        `toml:"settle"`
	// Proof of a signal: a probe or a journal line after it.
	ProofLog string  `toml:"proof_log" rule:"regex"` // RE2
	Proof    []Probe `toml:"proof"`
}

// Drain is how a unit is taken out of work.
type Drain struct {
	Busy           Probe         `toml:"busy"`                             // its Number must be 0 first
	MaxWait        time.Duration `toml:"max_wait"`                         // for Busy; then Then
	Then           string        `toml:"then" rule:"oneof=ask|force|skip"` // "ask" (default), "force", "skip"
	StopStartAfter time.Duration `toml:"stop_start_after"`                 // of deactivating; default 30 s
}

// Settle is when a unit counts as up.
type Settle struct {
	CheckAfter time.Duration `toml:"check_after"` // no verdict on health before
	AliveFor   time.Duration `toml:"alive_for"`   // default 5 s
	Within     time.Duration `toml:"within"`      // default 90 s
	Health     []Probe       `toml:"health"`
}

// File puts a file in place ("file").
type File struct {
	Src      Text      `toml:"src"` // a file here; a name that ends in .tmpl has its ${} expanded
	Content  Sensitive `toml:"content"`
	Dst      Text      `toml:"dst" rule:"need,abs"`
	Mode     string    `toml:"mode" rule:"mode"` // "0644"; default as it is, or 0644
	Owner    Text      `toml:"owner"`
	Absent   bool      `toml:"absent"`   // the file is removed
	Validate []Text    `toml:"validate"` // argv, %s is the candidate
	InPlace  bool      `toml:"in_place"` // bind-mounted: written into the same inode
	// Was is the SHA-256 (hex) that the file must have before, or "absent"; another content is refused.
	Was string `toml:"was" rule:"was"`
	// Edits change lines of the file as it is on the host, instead of Src or Content: the text of a file that
	// is known from elsewhere may have its secrets masked.
	Edits []Edit `toml:"edit"`
}

// Edit replaces one line. Old must be what stands there, blanks at its ends aside; lines are those of the file
// before any edit.
type Edit struct {
	Line int    `toml:"line" rule:"need,min=1"`
	Old  Text   `toml:"old"`
	New  []Text `toml:"new"` // none deletes the line
}

// Nginx places files, tests, reloads and confirms ("nginx").
type Nginx struct {
	Files         []File        `toml:"files"`
	Require       []string      `toml:"require" rule:"raw"` // strings that the configuration must hold afterwards
	OnlyIfChanged bool          `toml:"only_if_changed"`
	WhenBusy      string        `toml:"when_busy" rule:"oneof=wait|ask|force"` // "wait", "ask", "force": upstreams with max_conns forget their counts
	BusyWait      time.Duration `toml:"busy_wait"`
	Container     Text          `toml:"container"` // nginx in this container; "" on the host
	Probe         []Probe       `toml:"probe"`
	Within        time.Duration `toml:"within"` // for new workers; default 5 s
}

// DrainStep waits until nothing is at work ("drain").
type DrainStep struct {
	Busy    Probe         `toml:"busy"`
	Quiet   []Text        `toml:"quiet"`   // argv that takes it out
	Restore []Text        `toml:"restore"` // argv that puts it back
	MaxWait time.Duration `toml:"max_wait"`
	Then    string        `toml:"then" rule:"oneof=ask|force|skip"`
}

// Gate wants probes to pass for a while ("gate"), and Verify wants them once ("verify"); Manual are ticked
// by the operator.
type Gate struct {
	Checks    []Probe       `toml:"checks"`
	Manual    []Text        `toml:"manual"`
	StableFor time.Duration `toml:"stable_for"`
	Within    time.Duration `toml:"within"` // default 2 min
	Every     time.Duration `toml:"every"`  // default 1 s
	FailFast  bool          `toml:"fail_fast"`
}

// Probe is one look at something: exactly one of HTTP, TCP, Argv, Log, Unit.
type Probe struct {
	HTTP       Text                 `toml:"http"` // URL; http://unix:/path.sock:/url over a socket
	Method     string               `toml:"method" rule:"method"`
	Header     map[string]Sensitive `toml:"header"`
	Status     int                  `toml:"status" rule:"min=100"` // default 200…399
	JSON       map[string]Text      `toml:"json"`                  // path → value
	Number     string               `toml:"number"`                // path of a number in the JSON, for busy counts
	Contains   Text                 `toml:"contains"`
	NotHeader  map[string]string    `toml:"not_header" rule:"raw"`
	RedirectTo string               `toml:"redirect_to" rule:"regex"` // RE2 on Location
	WebSocket  bool                 `toml:"websocket"`                // 101 is wanted
	TCP        Text                 `toml:"tcp"`                      // host:port
	Argv       []Text               `toml:"argv"`
	Dir        Text                 `toml:"dir"`
	Match      string               `toml:"match" rule:"regex"` // RE2 on the output or the log
	Log        Text                 `toml:"log"`                // container, or unit:NAME
	Since      string               `toml:"since"`              // "step:ID"; default this run's start
	MustNot    string               `toml:"must_not" rule:"regex"`
	Unit       Text                 `toml:"unit"`                          // must be active
	From       string               `toml:"from" rule:"oneof=target|here"` // "target" (default where the step has a host) or "here"
	Timeout    time.Duration        `toml:"timeout"`                       // default 5 s
}

// Wait waits a while or for a probe ("wait").
type Wait struct {
	For   time.Duration `toml:"for"`
	Until *Probe        `toml:"until"`
	Max   time.Duration `toml:"max"` // default 10 min
}

// Migrate changes a schema ("migrate").
type Migrate struct {
	Variant    string  `toml:"variant" rule:"oneof=command|on_boot|external"` // "command" (default), "on_boot", "external"
	Command    Command `toml:"command"`
	Marker     Command `toml:"marker"`                                         // prints the schema's version
	Reversible string  `toml:"reversible" rule:"oneof=yes|no|expand-contract"` // "yes", "no" (default), "expand-contract"
	Down       []Text  `toml:"down"`
	Backup     Text    `toml:"backup"` // path of a dump, for the record
	Until      *Probe  `toml:"until"`  // of on_boot
}

// Approve pauses for a person ("approve").
type Approve struct {
	Show    []string `toml:"show"` // "plan", "diff:STEP", "output:STEP"
	Ask     Text     `toml:"ask"`
	Comment bool     `toml:"comment"` // a comment is required
}

// HTTP is a request ("http", and "notify" by URL).
type HTTP struct {
	Method  string               `toml:"method" rule:"method"` // default GET
	URL     Text                 `toml:"url" rule:"need"`
	Header  map[string]Sensitive `toml:"header"`
	Bearer  string               `toml:"bearer"` // "secret.NAME"
	Body    Sensitive            `toml:"body"`
	JSON    map[string]any       `toml:"json"`
	Status  []int                `toml:"status" rule:"min=100"` // default 2xx
	Expect  map[string]Text      `toml:"expect"`                // JSON path → value
	Outputs map[string]string    `toml:"outputs"`               // name → JSON path
	Before  *Before              `toml:"before"`
	Undo    *Request             `toml:"undo_request"`
	Poll    *Poll                `toml:"poll"`
	Key     bool                 `toml:"idempotency_key"` // sends Idempotency-Key: RUN/STEP
}

// Before is a GET whose answer is kept as the body that undoes the request.
type Before struct {
	Method string `toml:"method" rule:"method"`
	URL    Text   `toml:"url"` // default the request's
}

// Request is a request that undoes another; Body may hold ${before}.
type Request struct {
	Method string    `toml:"method" rule:"method"`
	URL    Text      `toml:"url"`
	Body   Sensitive `toml:"body"`
}

// Poll asks until a value says how it ended.
type Poll struct {
	URL     Text          `toml:"url"`
	Path    string        `toml:"path" rule:"need"` // JSON path
	Success []string      `toml:"success" rule:"need"`
	Failure []string      `toml:"failure"`
	Every   time.Duration `toml:"every"`
	Within  time.Duration `toml:"within"`
}

// Envoy puts a cluster into the control plane ("envoy").
type Envoy struct {
	URL            Text          `toml:"url" rule:"need"`
	Get            Text          `toml:"get"`     // path, default /clusters
	Post           Text          `toml:"post"`    // path, default /add-cluster
	Upsert         Text          `toml:"upsert"`  // file here with the cluster's JSON
	Cluster        Text          `toml:"cluster"` // the JSON itself, instead of a file
	ExpectEndpoint Text          `toml:"expect_endpoint"`
	Probe          []Probe       `toml:"probe"`
	Within         time.Duration `toml:"within"`
}

// Notify tells somebody; it never fails a run ("notify").
type Notify struct {
	Argv []Text    `toml:"argv"`
	URL  Sensitive `toml:"url"`
	Body Text      `toml:"body"`
}

// Retain removes old releases, undo tags and undo records, never the current, the one before it or one of an
// open run ("retain").
type Retain struct {
	Keep int  `toml:"keep" rule:"min=1"` // default 5
	To   Text `toml:"to" rule:"abs"`     // the directory of a release sync
}

// Group runs Steps on one host after the other, in batches ("group").
type Group struct{}
