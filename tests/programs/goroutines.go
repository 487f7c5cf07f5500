// Prints the sum that four goroutines on locked threads have made, and what a child prints.
package main

import (
	"fmt"
	"os/exec"
	"runtime"
)

func main() {
	results := make(chan int)
	for i := 1; i <= 4; i++ {
		go func(n int) {
			runtime.LockOSThread()
			results <- n * n
		}(i)
	}
	sum := 0
	for i := 0; i < 4; i++ {
		sum += <-results
	}
	output, err := exec.Command("/bin/echo", "child").Output()
	fmt.Printf("%d %q %v\n", sum, output, err)
}
