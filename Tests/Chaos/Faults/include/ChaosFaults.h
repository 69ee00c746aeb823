// Nothing is called: the library stands before functions of libc.
