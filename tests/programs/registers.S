# Freestanding: exits with 0 when every register is zero and the flags are clean at entry, as ELF_PLAT_INIT leaves them.
        .globl _start
_start:
        pushfq
        xorq    $0x202, (%rsp)
        or      (%rsp), %rax
        lea     8(%rsp), %rsp           # leaves rsp as it was and touches no other register
        or      %rbx, %rax
        or      %rcx, %rax
        or      %rdx, %rax
        or      %rsi, %rax
        or      %rdi, %rax
        or      %rbp, %rax
        or      %r8, %rax
        or      %r9, %rax
        or      %r10, %rax
        or      %r11, %rax
        or      %r12, %rax
        or      %r13, %rax
        or      %r14, %rax
        or      %r15, %rax
        setnz   %dil
        mov     %rsp, %rax
        and     $15, %eax
        setnz   %al
        add     %al, %al
        or      %al, %dil
        movzbl  %dil, %edi
        mov     $231, %eax
        syscall
        .section .note.GNU-stack,"",@progbits
