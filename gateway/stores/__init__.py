"""Where state lives: in this process, or shared by replicas."""
