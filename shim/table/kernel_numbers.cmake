# Writes LITEBOX_KERNEL_NUMBER(name, number) for every __NR_ macro of the compiler's <asm/unistd_64.h>.
file(WRITE ${OUTPUT}.c "#include <asm/unistd_64.h>\n")
execute_process(COMMAND ${COMPILER} -E -dM -x c ${OUTPUT}.c OUTPUT_VARIABLE macros COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCHALL "#define __NR_[a-zA-Z0-9_]+ [0-9]+" macros "${macros}")
list(TRANSFORM macros REPLACE "#define __NR_([a-zA-Z0-9_]+) ([0-9]+)" "LITEBOX_KERNEL_NUMBER(\\1, \\2)")
list(SORT macros COMPARE NATURAL)
list(JOIN macros "\n" text)
file(WRITE ${OUTPUT} "${text}\n")
