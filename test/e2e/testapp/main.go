package main

import (
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// modes are the program's faces. Each returns how the process ends.
var modes = map[string]func(args []string) error{
	"serve":   serve,
	"webhook": serveWebhook,
	"sleep":   sleep,
	"stay":    stay,
	"stop":    stop,
	"exit":    exit,
	"panic":   crash,
	"echo":    echo,
	"cat":     cat,
	"write":   write,
	"tar":     runTar,
}

func main() {
	name, args := filepath.Base(os.Args[0]), os.Args[1:]
	if _, ok := modes[name]; !ok { // not called through a link such as /bin/tar
		if len(args) == 0 {
			fail(fmt.Errorf("want one of the modes as first argument"))
		}
		name, args = args[0], args[1:]
	}
	mode, ok := modes[name]
	if !ok {
		fail(fmt.Errorf("no mode %q", name))
	}
	if err := mode(args); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "testapp:", err)
	os.Exit(1)
}

// sleep ends at SIGTERM, with the exit code that it is given, or after the seconds
// that it is given: sleep [SECONDS [CODE]].
func sleep(args []string) error {
	var after <-chan time.Time
	code := 0
	if len(args) > 1 {
		var err error
		if code, err = strconv.Atoi(args[1]); err != nil {
			return err
		}
	}
	if len(args) > 0 {
		seconds, err := strconv.ParseFloat(args[0], 64)
		if err != nil {
			return err
		}
		after = time.After(time.Duration(seconds * float64(time.Second)))
	}
	select {
	case <-terminated():
		os.Exit(code)
	case <-after:
	}
	return nil
}

// stay does not end when it is asked to.
func stay([]string) error {
	signal.Ignore(syscall.SIGTERM)
	for {
		time.Sleep(time.Hour)
	}
}

// stop asks a process of its container to end, given by number.
func stop(args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("stop: want the number of a process")
	}
	pid, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	return syscall.Kill(pid, syscall.SIGTERM)
}

// exit ends with the given code, after writing the rest of the line.
func exit(args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("exit: want a code")
	}
	code, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	fmt.Println(strings.Join(args[1:], " "))
	os.Exit(code)
	return nil
}

// crash writes so many lines and then crashes as a Go program that is to leave a
// core: by SIGABRT.
func crash(args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("panic: want a number of lines")
	}
	lines, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	for i := range lines {
		fmt.Println("line", i)
	}
	debug.SetTraceback("crash")
	fall(nil)
	return nil
}

//go:noinline
func fall(into map[string]int) { into["nowhere"] = 1 }

// echo writes its arguments, in which $NAME and ${NAME} are environment
// variables.
func echo(args []string) error {
	_, err := fmt.Println(os.ExpandEnv(strings.Join(args, " ")))
	return err
}

// cat copies files, or its input, to its output.
func cat(args []string) error {
	if len(args) == 0 {
		_, err := io.Copy(os.Stdout, os.Stdin)
		return err
	}
	for _, path := range args {
		file, err := os.Open(path)
		if err != nil {
			return err
		}
		_, err = io.Copy(os.Stdout, file)
		file.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

// write appends a line to a file and syncs it: write PATH WORDS...
func write(args []string) error {
	if len(args) < 2 {
		return fmt.Errorf("write: want a path and words")
	}
	return appendFile(args[0], os.ExpandEnv(strings.Join(args[1:], " "))+"\n")
}

func appendFile(path, text string) error {
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer file.Close()
	if _, err := file.WriteString(text); err != nil {
		return err
	}
	return file.Sync()
}

// terminated is closed at SIGTERM; process 1 of a container has no default for
// it.
func terminated() <-chan struct{} {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM)
	done := make(chan struct{})
	go func() {
		<-signals
		close(done)
	}()
	return done
}
