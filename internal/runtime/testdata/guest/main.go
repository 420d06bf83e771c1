// Command guest runs in the containers of the tests: it tells who asks on port
// 8080 who they are until SIGTERM, says goodbye and ends with 7; or it does what
// its first argument says.
package main

import (
	"fmt"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	if len(os.Args) > 1 {
		if err := act(os.Args[1], os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	terminate := make(chan os.Signal, 1)
	signal.Notify(terminate, syscall.SIGTERM)
	listener, err := net.Listen("tcp", ":8080")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	go serve(listener)
	fmt.Println("up")
	<-terminate
	fmt.Println("bye")
	os.Exit(7)
}

func serve(listener net.Listener) {
	for {
		connection, err := listener.Accept()
		if err != nil {
			return
		}
		fmt.Fprint(connection, connection.RemoteAddr().(*net.TCPAddr).IP)
		connection.Close()
	}
}

func act(verb string, args []string) error {
	switch verb {
	case "say":
		fmt.Print(args[0])
		return nil
	case "dial": // says what the other side says
		connection, err := net.DialTimeout("tcp", args[0], 5*time.Second)
		if err != nil {
			return err
		}
		answer := make([]byte, 200)
		length, err := connection.Read(answer)
		fmt.Print(string(answer[:length]))
		return err
	default:
		return fmt.Errorf("unknown verb %q", verb)
	}
}
