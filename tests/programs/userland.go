// A Go program that does a little of everything which the run-time system of Go does without a C library: goroutines on
// threads, processes, pipes, signals, timers, files and a unix socket.
package main

import (
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"sort"
	"sync"
	"syscall"
	"time"
)

func check(err error) {
	if err != nil {
		fmt.Println("failed:", err)
		os.Exit(1)
	}
}

func processes() {
	command := exec.Command("/bin/sh", "-c", "cat; exit 5")
	input, err := command.StdinPipe()
	check(err)
	output, err := command.StdoutPipe()
	check(err)
	check(command.Start())
	io.WriteString(input, "through a child\n")
	input.Close()
	text, err := io.ReadAll(output)
	check(err)
	fmt.Printf("%q %v\n", text, command.Wait())
	var group sync.WaitGroup
	results := make([]string, 20)
	for i := range results {
		group.Add(1)
		go func(i int) {
			defer group.Done()
			text, err := exec.Command("/bin/echo", fmt.Sprint(i*i)).Output()
			results[i] = fmt.Sprintf("%q %v", text, err)
		}(i)
	}
	group.Wait()
	fmt.Println(results)
}

func files() {
	directory, err := os.MkdirTemp("/tmp", "go")
	check(err)
	defer os.RemoveAll(directory)
	for i := 0; i < 50; i++ {
		check(os.WriteFile(filepath.Join(directory, fmt.Sprint("f", i)), []byte{byte(i)}, 0o640))
	}
	check(os.Rename(filepath.Join(directory, "f1"), filepath.Join(directory, "g")))
	check(os.Symlink("g", filepath.Join(directory, "link")))
	entries, err := os.ReadDir(directory)
	check(err)
	var names []string
	for _, entry := range entries {
		information, err := entry.Info()
		check(err)
		names = append(names, fmt.Sprint(entry.Name(), information.Mode(), information.Size()))
	}
	sort.Strings(names)
	fmt.Println(names)
	_, err = os.Stat(filepath.Join(directory, "f1"))
	fmt.Println(os.IsNotExist(err))

	listener, err := net.Listen("unix", filepath.Join(directory, "socket"))
	check(err)
	go func() {
		connection, err := listener.Accept()
		check(err)
		io.Copy(connection, connection)
		connection.Close()
	}()
	connection, err := net.Dial("unix", filepath.Join(directory, "socket"))
	check(err)
	fmt.Fprint(connection, "echoed")
	connection.(*net.UnixConn).CloseWrite()
	text, err := io.ReadAll(connection)
	fmt.Printf("%q %v\n", text, err)
}

func main() {
	var group sync.WaitGroup
	sums := make([][32]byte, 100)
	for i := range sums {
		group.Add(1)
		go func(i int) {
			defer group.Done()
			sums[i] = sha256.Sum256(make([]byte, i*1000))
		}(i)
	}
	group.Wait()
	fmt.Printf("%x\n", sums[99])
	processes()
	files()
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGUSR1)
	check(syscall.Kill(os.Getpid(), syscall.SIGUSR1))
	select {
	case received := <-signals:
		fmt.Println(received)
	case <-time.After(5 * time.Second):
		fmt.Println("no signal")
	}
	os.Exit(7)
}
