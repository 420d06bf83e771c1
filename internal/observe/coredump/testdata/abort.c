#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Frames without frame pointers (-O1): only call frame information unwinds them. */
__attribute__((noinline)) static void inner(char *how) {
	if (!strcmp(how, "abort"))
		abort();
	if (!strcmp(how, "segv"))
		*(volatile int *)0 = 1;
	if (!strcmp(how, "jump"))
		((void (*)(void))how[0])();
	__asm__ volatile("" ::: "memory");
}

__attribute__((noinline)) static void middle(char *how) {
	char room[512];
	memset(room, 1, sizeof room);
	__asm__ volatile("" ::"r"(room) : "memory");
	inner(how);
	__asm__ volatile("" ::: "memory");
}

static void *idle(void *unused) {
	pause();
	return unused;
}

int main(int argc, char **argv) {
	pthread_t thread;
	for (int i = 0; i < 3; i++)
		pthread_create(&thread, 0, idle, 0);
	if (argc > 2) { /* megabytes that are not zero */
		size_t n = strtoul(argv[2], 0, 10) << 20;
		char *p = malloc(n);
		for (size_t i = 0; i < n; i++)
			p[i] = (char)(i * 31 + 1);
	}
	middle(argv[1]);
	return 0;
}
