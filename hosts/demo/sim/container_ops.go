package sim

import (
	"strconv"
	"time"
)

// Start starts a container that does not run; it reports false when it runs already.
func (c *Container) Start() bool {
	if c.State == "running" || c.State == "paused" {
		return false
	}
	c.stopped, c.back, c.Restarts = false, 0, 0
	c.begin(c.Host.Site.now)
	return true
}

// Stop ends a container as docker stop does; done is called when it has ended. after bounds how
// long the process may take; 0 kills at once, below 0 is the default of ten seconds.
func (c *Container) Stop(after time.Duration, done func(now time.Time)) {
	c.stopped = true
	c.halt(after, func(now time.Time) {
		c.Event(now, "stop")
		if done != nil {
			done(now)
		}
	})
}

// Restart is stop and start; done is called when it runs again.
func (c *Container) Restart(after time.Duration, done func(now time.Time)) {
	finish := func(now time.Time) {
		c.stopped, c.back = false, 0
		c.begin(now)
		c.Event(now, "restart")
		if done != nil {
			done(now)
		}
	}
	if c.State != "running" && c.State != "paused" {
		finish(c.Host.Site.now)
		return
	}
	c.stopped = true
	c.halt(after, func(now time.Time) {
		c.Event(now, "stop")
		finish(now)
	})
}

// halt sends SIGTERM, then SIGKILL.
func (c *Container) halt(after time.Duration, done func(now time.Time)) {
	now := c.Host.Site.now
	c.timer.Stop()
	if c.State != "running" && c.State != "paused" {
		if c.State == "restarting" {
			c.State = "exited"
		}
		done(now)
		return
	}
	if after < 0 {
		after = 10 * time.Second
	}
	c.Event(now, "kill", "signal", "15")
	if c.Spec.Halt != nil {
		c.Spec.Halt(c, now)
	}
	need, exit := c.Spec.StopTime, c.Spec.ExitCode
	if need > after {
		need, exit = after, 137
	}
	c.timer = c.Host.Site.After(need, func(now time.Time) {
		if exit == 137 {
			c.Event(now, "kill", "signal", "9")
		}
		c.die(now, exit)
		done(now)
	})
}

// Kill sends a signal; those that do not end a process are only recorded.
func (c *Container) Kill(signal string) {
	now := c.Host.Site.now
	n := signalNumber(signal)
	c.Event(now, "kill", "signal", strconv.Itoa(n))
	switch signal {
	case "KILL":
		c.stopped = true
		c.die(now, 137)
	case "TERM", "INT", "QUIT":
		c.stopped = true
		if c.Spec.Halt != nil {
			c.Spec.Halt(c, now)
		}
		c.timer = c.Host.Site.After(c.Spec.StopTime, func(now time.Time) { c.die(now, c.Spec.ExitCode) })
	}
}

// Pause freezes the processes, or lets them go on.
func (c *Container) Pause(on bool) {
	now := c.Host.Site.now
	if on {
		c.State = "paused"
		c.Event(now, "pause")
		return
	}
	c.State = "running"
	c.Event(now, "unpause")
}

// Fail ends the main process by itself, as a crash does; restart policies apply.
func (c *Container) Fail(exit int) {
	if c.State == "running" {
		c.die(c.Host.Site.now, exit)
	}
}

// OOMKill lets the kernel end the container for its memory.
func (c *Container) OOMKill() {
	if c.State != "running" {
		return
	}
	now := c.Host.Site.now
	name := "python3"
	if a := c.Args(); len(a) > 0 {
		name = a[0]
	}
	c.Host.KernelLog(now, Warning, name+" invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0")
	c.Host.KernelLog(now, Info, "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=docker-"+c.ID+
		".scope,mems_allowed=0,oom_memcg=/system.slice/docker-"+c.ID+".scope,task="+name+",pid="+strconv.Itoa(c.PID)+",uid=0")
	c.Host.KernelLog(now, Err, "Memory cgroup out of memory: Killed process "+strconv.Itoa(c.PID)+" ("+name+
		") total-vm:"+strconv.FormatUint(c.Spec.MemLimit/1024*3, 10)+"kB, anon-rss:"+strconv.FormatUint(c.Spec.MemLimit/1024, 10)+"kB")
	c.OOM = true
	c.Event(now, "oom")
	c.die(now, 137)
}

// Remove takes the container off the host.
func (c *Container) Remove() {
	for i, x := range c.Host.Containers {
		if x == c {
			c.Host.Containers = append(c.Host.Containers[:i:i], c.Host.Containers[i+1:]...)
			break
		}
	}
	c.timer.Stop()
	c.probe.Stop()
	c.warm.Stop()
	c.Event(c.Host.Site.now, "destroy")
}

func (c *Container) begin(now time.Time) {
	c.timer.Stop()
	c.Exit, c.OOM, c.Err, c.Streak = 0, false, "", 0
	c.State, c.PID, c.Started = "running", c.Host.NewPID(), now
	c.Ready = c.Spec.Warmup == 0
	c.attach()
	c.netEvents(now, "connect")
	c.Event(now, "start")
	if c.Spec.Boot != nil {
		c.Spec.Boot(c, now)
	}
	if !c.Ready {
		c.warm = c.Host.Site.After(c.Spec.Warmup, func(time.Time) { c.Ready = true })
	}
	if c.Spec.Health != nil {
		c.Health, c.HealthLog = "starting", nil
		c.probe.Stop()
		c.probe = c.Host.Site.After(c.interval(), c.check)
	}
}

func (c *Container) die(now time.Time, exit int) {
	c.timer.Stop()
	c.probe.Stop()
	c.warm.Stop()
	took := now.Sub(c.Started)
	c.State, c.PID, c.Exit, c.Finished, c.Ready = "exited", 0, exit, now, false
	if c.Health != "" {
		c.Health = "unhealthy"
	}
	c.Event(now, "die", "execDuration", strconv.Itoa(int(took.Seconds())), "exitCode", strconv.Itoa(exit))
	c.netEvents(now, "disconnect")
	if c.Spec.Died != nil {
		c.Spec.Died(c, now, exit)
	}
	again := false
	switch c.Spec.Restart {
	case "always", "unless-stopped":
		again = !c.stopped
	case "on-failure":
		again = !c.stopped && exit != 0 && (c.Spec.MaxRetry == 0 || c.Restarts < c.Spec.MaxRetry)
	}
	if !again {
		return
	}
	// Docker waits 100 ms, twice as long each time up to a minute; ten good seconds start anew.
	if took > 10*time.Second {
		c.back = 0
	}
	c.back = min(max(100*time.Millisecond, 2*c.back), time.Minute)
	c.State = "restarting"
	c.timer = c.Host.Site.After(c.back, func(now time.Time) {
		c.Restarts++
		c.begin(now)
	})
}

func (c *Container) interval() time.Duration {
	if h := c.Spec.Health; h != nil && h.Interval > 0 {
		return h.Interval
	}
	return 30 * time.Second
}

// check runs the healthcheck once.
func (c *Container) check(now time.Time) {
	c.probe = c.Host.Site.After(c.interval(), c.check)
	if c.State != "running" {
		return
	}
	h := c.Spec.Health
	c.ops++
	exec := c.Host.Hex("exec", 64)
	cmd := h.Test[len(h.Test)-1]
	c.Event(now, "exec_create: "+cmd, "execID", exec)
	c.Event(now, "exec_start: "+cmd, "execID", exec)
	res := HealthResult{Start: now, End: now.Add(time.Duration(20+c.Host.rnd.IntN(60)) * time.Millisecond), Output: h.Good}
	if c.Sick != "" || !c.Ready {
		res.Exit = max(1, h.BadExit)
		if res.Output = h.Bad; res.Output == "" {
			res.Output = c.Sick
		}
	}
	c.Event(res.End, "exec_die", "execID", exec, "exitCode", strconv.Itoa(res.Exit))
	c.HealthLog = append(c.HealthLog, res)
	if len(c.HealthLog) > 5 {
		c.HealthLog = c.HealthLog[len(c.HealthLog)-5:]
	}
	c.judge(res, now)
}

func (c *Container) judge(res HealthResult, now time.Time) {
	h, was := c.Spec.Health, c.Health
	if res.Exit == 0 {
		c.Streak, c.Health = 0, "healthy"
	} else if now.Sub(c.Started) > h.StartPeriod || was == "healthy" {
		c.Streak++
		retries := h.Retries
		if retries == 0 {
			retries = 3
		}
		if c.Streak >= retries {
			c.Health = "unhealthy"
		}
	}
	if c.Health != was {
		c.Event(now, "health_status: "+c.Health)
	}
}

// pastProbes gives a container that has been up for long the log of its last checks.
func (c *Container) pastProbes() {
	h := c.Spec.Health
	for i := 5; i > 0; i-- {
		at := c.Host.Site.now.Add(-time.Duration(i) * c.interval())
		if at.Before(c.Started) {
			continue
		}
		c.HealthLog = append(c.HealthLog, HealthResult{Start: at, End: at.Add(31 * time.Millisecond), Output: h.Good})
	}
}
